import { findRun } from '../../db/runs.ts';
import { Run } from '../../domain/run.ts';
import { insertManualRun, tryStartRun } from '../../scheduling/start-run.ts';
import { answerOnce, IDEMPOTENCY_ERRORS, IdempotencyHeaders, REPLAYED_HEADER } from '../idempotency.ts';
import { JobIdParams, NAMESPACE, requireJob } from '../job-resource.ts';
import { operation } from '../operation.ts';
import { noSuchRun, presentFor } from './runs.ts';

export const runJobNow = operation({
  method: 'post',
  path: '/jobs/{id}/run',
  operationId: 'runJob',
  summary: 'Run a job now',
  description:
    'Starts a run beside the schedule, of a paused job too. Every call is a run of its own, unless it carries the Idempotency-Key of another. If Temporal can not be reached at the moment, the run starts as soon as it can be.',
  tag: 'Jobs',
  params: JobIdParams,
  headers: IdempotencyHeaders,
  answers: {
    202: {
      description: 'The run, queued.',
      schema: Run,
      headers: { Location: 'Path of the run.', ...REPLAYED_HEADER },
    },
  },
  errors: ['not_found', ...IDEMPOTENCY_ERRORS],
  async handle(input, dependencies) {
    const present = presentFor(dependencies);
    const answer = (run: Parameters<typeof present>[0]) => ({
      status: 202,
      headers: { Location: `/runs/${run.id}` },
      body: present(run),
    });
    return answerOnce(input, dependencies, {
      make: async (transaction, id) => {
        const job = await requireJob(transaction, input.params.id);
        return { job, run: await insertManualRun(transaction, id, job, dependencies.now()) };
      },
      answer: async ({ job, run }) => answer(await tryStartRun(dependencies, job, run)),
      // The reconciler has started it meanwhile, or is about to.
      answerLate: async (id) => {
        const run = await findRun(dependencies.db, NAMESPACE, id);
        if (!run) throw noSuchRun(id);
        return answer(run);
      },
    });
  },
});
