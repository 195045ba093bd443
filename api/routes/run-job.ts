import { insertManualRun, tryStartRun } from '../../scheduling/runs/start-run.ts';
import { answerOnce, IDEMPOTENCY_ERRORS, IdempotencyHeaders } from '../rest/idempotency.ts';
import { JobIdParams, requireJob } from '../rest/job-resource.ts';
import { operation } from '../rest/operation.ts';
import { answerQueued, QUEUED_ANSWERS, requireRun } from './runs.ts';

export const runJob = operation({
  method: 'post',
  path: '/jobs/{id}/run',
  operationId: 'runJob',
  summary: 'Run a job now',
  description:
    'Starts a run beside the schedule, of a paused job too. Every call is a run of its own, unless it carries the Idempotency-Key of another. If Temporal can not be reached at the moment, the run starts as soon as it can be.',
  tag: 'Jobs',
  access: 'runs:write',
  params: JobIdParams,
  headers: IdempotencyHeaders,
  answers: QUEUED_ANSWERS,
  errors: ['not_found', ...IDEMPOTENCY_ERRORS],
  async handle(input, dependencies) {
    const { namespace } = input;
    const answer = answerQueued(dependencies);
    return answerOnce(input, dependencies, {
      make: async (db, id) => {
        const job = await requireJob(db, namespace, input.params.id);
        const asked = { now: dependencies.now(), origin: input.origin };
        return { job, run: await insertManualRun(db, id, job, asked) };
      },
      answer: async ({ job, run }) => answer(await tryStartRun(dependencies, job, run)),
      // The reconciler has started it meanwhile, or is about to.
      answerLate: async (id) => answer(await requireRun(dependencies.db, namespace, id)),
    });
  },
});
