import { findBackfill } from '../../db/runs/backfills.ts';
import { inTransaction } from '../../db/in-transaction.ts';
import { lockJob } from '../../db/jobs/jobs.ts';
import { Backfill, BackfillInput, MAX_BACKFILL } from '../../domain/run/backfill.ts';
import { invalid, type FieldError } from '../../domain/errors.ts';
import { toInstant } from '../../domain/instant.ts';
import { insertRunsOfBackfill, tryStartBackfill } from '../../scheduling/runs/backfill.ts';
import { answerOnce, IDEMPOTENCY_ERRORS, IdempotencyHeaders, REPLAYED_HEADER } from '../rest/idempotency.ts';
import { JobIdParams, noSuchJob } from '../rest/job-resource.ts';
import { operation } from '../rest/operation.ts';

/** The faults of the range of a backfill. */
function findFaults(
  { from, to, onlyMissing }: BackfillInput,
  now: number,
  runRetentionMs: number,
): FieldError[] {
  const faults: FieldError[] = [];
  const retainedFrom = now - runRetentionMs;
  if (Date.parse(to) > now) {
    const message = `${to} is in the future; it is now ${toInstant(now)}`;
    faults.push({ path: 'to', code: 'in_the_future', message });
  }
  if (Date.parse(from) > Date.parse(to)) {
    faults.push({ path: 'to', code: 'before_from', message: `lies before from (${from})` });
  }
  if (onlyMissing && Date.parse(from) < retainedFrom) {
    const message = `older runs may have been deleted, so missing occurrences are known only from ${toInstant(retainedFrom)} on; choose a later from, or leave onlyMissing out`;
    faults.push({ path: 'from', code: 'forgotten', message });
  }
  return faults;
}

export const backfillJob = operation({
  method: 'post',
  path: '/jobs/{id}/backfill',
  operationId: 'backfillJob',
  summary: 'Run past occurrences of a job',
  description: `Makes a run with the trigger \`backfill\` for each occurrence of the present schedule from \`from\` to \`to\`, both included. With \`onlyMissing\`, occurrences that have a run are left out; those that were skipped, fell into a pause or were missed count as missing. A backfill has ${MAX_BACKFILL} occurrences at most. Its runs do not count towards \`maxRuns\`. The job may be paused or completed. Cancelling the workflow of the backfill in Temporal cancels its open runs.`,
  tag: 'Jobs',
  access: 'runs:write',
  params: JobIdParams,
  headers: IdempotencyHeaders,
  body: BackfillInput,
  bodyExamples: {
    missing: {
      summary: 'What was missed during a downtime',
      value: { from: '2026-11-01T00:00:00Z', to: '2026-11-02T00:00:00Z', onlyMissing: true },
    },
  },
  answers: {
    202: {
      description: 'The backfill, with its runs queued.',
      schema: Backfill,
      headers: { Location: 'Path of the runs of the job.', ...REPLAYED_HEADER },
    },
  },
  errors: ['not_found', 'too_many', ...IDEMPOTENCY_ERRORS],
  async handle(input, dependencies) {
    const jobId = input.params.id;
    const answer = (backfill: Omit<Backfill, 'jobId'>) => ({
      status: 202,
      headers: { Location: `/jobs/${jobId}/runs` },
      body: { id: backfill.id, jobId, overlap: backfill.overlap, count: backfill.count },
    });
    return answerOnce(input, dependencies, {
      make: (db, id) =>
        inTransaction(db, async (transaction) => {
          const { body } = input;
          const now = dependencies.now();
          // The lock keeps two concurrent backfills from both running the same missing occurrences.
          const job = await lockJob(transaction, { id: jobId, namespace: input.namespace });
          if (!job) throw noSuchJob(jobId);
          const faults = findFaults(body, now.getTime(), dependencies.runRetentionMs);
          if (faults.length > 0) throw invalid(faults);
          const { origin, source } = input;
          const count = await insertRunsOfBackfill(transaction, id, job, body, { now, origin, source });
          return { id, job, overlap: body.overlap, count };
        }),
      answer: async ({ job, ...backfill }) => {
        if (backfill.count > 0) await tryStartBackfill(dependencies, job, backfill.id);
        return answer(backfill);
      },
      // The reconciler starts the backfill, if it has not done so already.
      answerLate: async (id) => {
        const { overlap, runs } = await findBackfill(dependencies.db, id);
        return answer({ id, overlap, count: runs.length });
      },
    });
  },
});
