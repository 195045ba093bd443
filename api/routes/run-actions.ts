import type { Database } from '../../db/database.ts';
import { findJob } from '../../db/jobs/jobs.ts';
import type { JobRow, RunRow } from '../../db/schema.ts';
import { SchedulerError } from '../../domain/errors.ts';
import { Run } from '../../domain/run/run.ts';
import { requestCancellation } from '../../scheduling/runs/cancel-run.ts';
import { insertManualRun, insertRetry, tryStartRun } from '../../scheduling/runs/start-run.ts';
import { answerOnce, IDEMPOTENCY_ERRORS, IdempotencyHeaders } from '../rest/idempotency.ts';
import { JobIdParams, requireJob } from '../rest/job-resource.ts';
import { operation, type ApiDependencies } from '../rest/operation.ts';
import { answerQueued, presentFor, QUEUED_ANSWERS, requireRun, RunIdParams } from '../rest/run-resource.ts';

/** Makes and starts one run per idempotency key, and answers it, also when the request is repeated. */
function startOnce(
  input: Parameters<typeof answerOnce>[0],
  dependencies: ApiDependencies,
  make: (db: Database, id: string) => Promise<{ job: JobRow; run: RunRow }>,
) {
  const answer = answerQueued(dependencies);
  return answerOnce(input, dependencies, {
    make,
    answer: async ({ job, run }) => answer(await tryStartRun(dependencies, job, run)),
    // The reconciler starts the run, if it has not done so already.
    answerLate: async (id) => answer(await requireRun(dependencies.db, input.namespace, id)),
  });
}

export const runJob = operation({
  method: 'post',
  path: '/jobs/{id}/run',
  operationId: 'runJob',
  summary: 'Run a job now',
  description:
    'Starts a run outside the schedule, of a paused job too. Each request makes a run of its own, unless it repeats the `Idempotency-Key` of an earlier one. If Temporal cannot be reached at the moment, the run starts as soon as it can be.',
  tag: 'Jobs',
  access: 'runs:write',
  params: JobIdParams,
  headers: IdempotencyHeaders,
  answers: QUEUED_ANSWERS,
  errors: ['not_found', ...IDEMPOTENCY_ERRORS],
  async handle(input, dependencies) {
    const { namespace, origin, source } = input;
    return startOnce(input, dependencies, async (db, id) => {
      const job = await requireJob(db, namespace, input.params.id);
      return { job, run: await insertManualRun(db, id, job, { now: dependencies.now(), origin, source }) };
    });
  },
});

export const retryRun = operation({
  method: 'post',
  path: '/runs/{id}/retry',
  operationId: 'retryRun',
  summary: 'Repeat a run',
  description:
    'Makes a new run from the present definition of the job, with the `scheduledAt` of the run that it repeats, however that one ended. The target gets a new `Idempotency-Key`. The new run starts outside the schedule, of a paused job too, and does not count as a scheduled run. Each request makes a run of its own, unless it repeats the `Idempotency-Key` of an earlier one. A run that stands for several occurrences cannot be repeated; use a backfill for those.',
  tag: 'Runs',
  access: 'runs:write',
  params: RunIdParams,
  headers: IdempotencyHeaders,
  answers: QUEUED_ANSWERS,
  errors: ['not_found', 'run_under_way', 'several_occurrences', 'job_deleted', ...IDEMPOTENCY_ERRORS],
  async handle(input, dependencies) {
    const { namespace, origin, source } = input;
    return startOnce(input, dependencies, async (db, id) => {
      const repeated = await requireRun(db, namespace, input.params.id);
      if (repeated.ended_at === null) {
        const message = `The run is ${repeated.state}; wait for its end, or cancel it first.`;
        throw new SchedulerError('run_under_way', message);
      }
      const { occurrences } = presentFor(dependencies)(repeated);
      if (occurrences && occurrences.count > 1) {
        const message = `The run stands for ${occurrences.count} occurrences that fell into a pause; POST /jobs/${repeated.job_id}/backfill with "from": "${occurrences.from}", "to": "${occurrences.to}", "onlyMissing": true runs them.`;
        throw new SchedulerError('several_occurrences', message);
      }
      const job = await findJob(db, namespace, repeated.job_id);
      if (!job) throw new SchedulerError('job_deleted', `The job ${repeated.job_id} of the run was deleted.`);
      return {
        job,
        run: await insertRetry(db, id, job, repeated, { now: dependencies.now(), origin, source }),
      };
    });
  },
});

export const cancelRun = operation({
  method: 'post',
  path: '/runs/{id}/cancel',
  operationId: 'cancelRun',
  summary: 'Cancel a run',
  description:
    'Aborts the call in flight within a few seconds, and makes no further attempt; a run that has not started never will. A first call is aborted no earlier than two seconds after it began. The target may have acted on an aborted call. Cancelling a cancelled run again changes nothing. If Temporal cannot be reached at the moment, the run ends as soon as it can be.',
  tag: 'Runs',
  access: 'runs:write',
  params: RunIdParams,
  answers: {
    202: { description: 'The run, cancelled or about to be (`cancelRequestedAt`).', schema: Run },
  },
  errors: ['not_found', 'run_ended'],
  async handle({ params, namespace, source }, dependencies) {
    const present = presentFor(dependencies);
    const cancelled = await requestCancellation(dependencies, namespace, params.id, {
      now: dependencies.now(),
      source,
    });
    if (cancelled) return { status: 202, body: present(cancelled) };
    const run = await requireRun(dependencies.db, namespace, params.id);
    if (run.state === 'cancelled') return { status: 202, body: present(run) };
    const end = HOW_IT_ENDED[run.state] ?? run.state;
    throw new SchedulerError('run_ended', `The run has ended already: it ${end}.`);
  },
});

/** The end of a run as the verb of a sentence, where the state itself is not one. */
const HOW_IT_ENDED: Partial<Record<Run['state'], string>> = {
  timedOut: 'timed out',
  skipped: 'was skipped',
  missed: 'was missed',
};
