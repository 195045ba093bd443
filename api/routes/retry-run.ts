import { findJob } from '../../db/jobs/jobs.ts';
import { SchedulerError } from '../../domain/errors.ts';
import { insertRetry, tryStartRun } from '../../scheduling/runs/start-run.ts';
import { answerOnce, IDEMPOTENCY_ERRORS, IdempotencyHeaders } from '../rest/idempotency.ts';
import { operation } from '../rest/operation.ts';
import { answerQueued, presentFor, QUEUED_ANSWERS, requireRun, RunIdParams } from './runs.ts';

export const retryRun = operation({
  method: 'post',
  path: '/runs/{id}/retry',
  operationId: 'retryRun',
  summary: 'Repeat a run',
  description:
    'Makes a new run of the job as it is now, with the nominal time of the one that is repeated, whichever way that ended; but not one that stands for several occurrences, for which there is backfill. The new run has an `Idempotency-Key` of its own towards the target. It runs beside the schedule, of a paused job too, and does not count as a scheduled run. Every call is a run of its own, unless it carries the Idempotency-Key of another.',
  tag: 'Runs',
  access: 'runs:write',
  params: RunIdParams,
  headers: IdempotencyHeaders,
  answers: QUEUED_ANSWERS,
  errors: ['not_found', 'run_under_way', 'several_occurrences', 'job_deleted', ...IDEMPOTENCY_ERRORS],
  async handle(input, dependencies) {
    const { namespace } = input;
    const answer = answerQueued(dependencies);
    return answerOnce(input, dependencies, {
      make: async (db, id) => {
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
        if (!job)
          throw new SchedulerError('job_deleted', `The job ${repeated.job_id} of the run was deleted.`);
        const asked = { now: dependencies.now(), origin: input.origin };
        return { job, run: await insertRetry(db, id, job, repeated, asked) };
      },
      answer: async ({ job, run }) => answer(await tryStartRun(dependencies, job, run)),
      // The reconciler has started it meanwhile, or is about to.
      answerLate: async (id) => answer(await requireRun(dependencies.db, namespace, id)),
    });
  },
});
