import { SchedulerError } from '../../domain/errors.ts';
import { Run } from '../../domain/run/run.ts';
import { requestCancellation } from '../../scheduling/runs/cancel-run.ts';
import { operation } from '../rest/operation.ts';
import { presentFor, requireRun, RunIdParams } from './runs.ts';

export const cancelRun = operation({
  method: 'post',
  path: '/runs/{id}/cancel',
  operationId: 'cancelRun',
  summary: 'Cancel a run',
  description:
    'Breaks off the call in flight, within a few seconds, and makes no further one; a run that has not begun never will. A first call is not broken off within its first two seconds; it is after them, if it has not ended by itself. The target may have acted on a call that was broken off. Cancelling a run that was cancelled changes nothing. If Temporal can not be reached at the moment, the run ends as soon as it can be.',
  tag: 'Runs',
  access: 'runs:write',
  params: RunIdParams,
  answers: { 202: { description: 'The run: cancelled, or soon to be (`cancelRequestedAt`).', schema: Run } },
  errors: ['not_found', 'run_ended'],
  async handle({ params, namespace }, dependencies) {
    const present = presentFor(dependencies);
    const cancelled = await requestCancellation(dependencies, namespace, params.id, dependencies.now());
    if (cancelled) return { status: 202, body: present(cancelled) };
    const run = await requireRun(dependencies.db, namespace, params.id);
    if (run.state === 'cancelled') return { status: 202, body: present(run) };
    throw new SchedulerError('run_ended', `The run has ended already: it ${WORDS[run.state] ?? run.state}.`);
  },
});

const WORDS: Partial<Record<Run['state'], string>> = {
  timedOut: 'timed out',
  skipped: 'was skipped',
  missed: 'was missed',
};
