import type { Database } from '../../db/database.ts';
import { lockJob } from '../../db/jobs/jobs.ts';
import { countRunsSoFar } from '../../db/runs/occurrence-log.ts';
import { insertAbsentRuns } from '../../db/runs/runs.ts';
import type { JobRow, NewRun } from '../../db/schema.ts';
import { reasonFor } from '../../domain/run/reasons.ts';
import { skipsIn, wordsOfSkip } from '../../domain/schedule/skips.ts';
import { isUsedUp } from './due-within-max-runs.ts';
import { skippedRun } from './queued-run.ts';

// Occurrences that somebody has asked to leave out. Each gets its row when it is due, so that until then it can be asked back.

/** The rows of a job's skipped occurrences up to `until` that are not materialized yet. Pure. */
const skippedRuns = (job: JobRow, until: Date): NewRun[] =>
  skipsIn(job.schedule, job.accounted_to.getTime(), until.getTime()).map((skip) =>
    skippedRun(job, Date.parse(skip.at), reasonFor('skippedByRequest', wordsOfSkip(skip))),
  );

/** Records the skipped occurrences of a job up to `until`. Only for a job that the caller's transaction has locked. */
export async function recordSkipped(transaction: Database, job: JobRow, until: Date): Promise<void> {
  let runs = skippedRuns(job, until);
  if (runs.length === 0) return;
  const { maxRuns } = job.schedule;
  const soFar = maxRuns === undefined ? undefined : await countRunsSoFar(transaction, job.id);
  if (soFar && maxRuns !== undefined && isUsedUp(soFar, maxRuns)) {
    // An instant after the last run is no occurrence.
    const last = soFar.latest?.scheduledAt ?? -Infinity;
    runs = runs.filter(({ scheduled_at }) => scheduled_at.getTime() <= last);
  }
  await insertAbsentRuns(transaction, runs);
}

/**
 * Records them under a lock of its own: a request that asks one back may be about to commit, and then it is to run. Does
 * nothing for a job that has changed, whose occurrences a later call materializes.
 */
export async function lockAndRecordSkipped(db: Database, job: JobRow, until: Date): Promise<void> {
  if (skippedRuns(job, until).length === 0) return;
  await db.transaction().execute(async (transaction) => {
    const locked = await lockJob(transaction, { id: job.id });
    if (locked?.generation === job.generation) await recordSkipped(transaction, job, until);
  });
}
