import type { Database } from '../../db/database.ts';
import { findJobOrTombstone } from '../../db/jobs/jobs.ts';
import {
  advanceOccurrenceLogs,
  countRunsSoFar,
  listJobsToMaterialize,
  type LogAdvance,
} from '../../db/runs/occurrence-log.ts';
import { isConnectionLost, isDatabaseUnavailable } from '../../db/unavailable.ts';
import { insertAbsentRuns, listKnownRuns } from '../../db/runs/runs.ts';
import type { JobRow, NewRun } from '../../db/schema.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { movesDays, prepareMovedFrom } from '../../domain/schedule/moved-from.ts';
import { forEachIsolated } from '../../platform/for-each-isolated.ts';
import type { Logger } from '../../platform/logger.ts';
import { dueWithinMaxRuns, isUsedUp } from './due-within-max-runs.ts';
import {
  earlier,
  findDue,
  LEAST_PERIOD_MS,
  materializableTo,
  nextMaterializeAt,
  pauseOf,
  pauseRecordableTo,
} from './due-occurrences.ts';
import { recordPause } from './pause-log.ts';
import { occurrenceRun } from './queued-run.ts';
import { lockAndRecordSkipped, recordSkipped } from './skipped.ts';
import { suppressedRuns } from './suppressed.ts';

// The occurrence log: every occurrence that is due gets a row in `runs`, whether or not it becomes a run.
// Usually a worker inserts the row when the run begins. Rows that are missing are materialized here, as
// queued, for rescue.ts to decide on.

/** A materialized occurrence is not checked sooner than this: its run may be about to begin. */
const CHECK_AFTER_MS = 3 * SECOND_MS;
/**
 * Each occurrence that is due at once postpones the checks: most runs are late, not lost, and checks slow
 * them down.
 */
const CHECK_LATER_EACH_MS = 45;
/** Checks are postponed by this time at most. */
const CHECK_AFTER_AT_MOST_MS = 12 * SECOND_MS;
/** A job that could not be materialized is tried again after this time. */
const FAILED_PERIOD_MS = 300 * SECOND_MS;

/** Occurrences of one paused job in one call of `materializeDue`. */
const PAUSED_AT_ONCE = 20_000;

/** The rows of occurrences that are due. Pure. */
function queuedRuns(job: JobRow, instants: number[], checkAt: Date): NewRun[] {
  const movedFrom =
    instants.length > 0 && movesDays(job.schedule)
      ? prepareMovedFrom(compileSchedule(job.schedule))
      : undefined;
  return instants.map((instant) => ({ ...occurrenceRun(job, instant, movedFrom), check_at: checkAt }));
}

/** When to check materialized occurrences, if `count` are due at once. Pure. */
function checkTimeOf(count: number, now: Date): Date {
  const waitMs = Math.min(CHECK_AFTER_MS + count * CHECK_LATER_EACH_MS, CHECK_AFTER_AT_MOST_MS);
  return new Date(now.getTime() + waitMs);
}

/**
 * Inserts a row for each of these occurrences that has none, as far as the job's `maxRuns` goes. Returns how
 * many rows it inserted, and the first occurrence that waits for the outcome of others; none waits if
 * `mayWait` is false.
 */
async function writeRows(
  db: Database,
  job: JobRow,
  instants: number[],
  checkAt: Date,
  mayWait: boolean,
): Promise<{ written: number; heldAt: number | undefined }> {
  const runs = queuedRuns(job, instants, checkAt);
  const { maxRuns } = job.schedule;
  if (maxRuns === undefined) return { written: await insertAbsentRuns(db, runs), heldAt: undefined };
  const soFar = await countRunsSoFar(db, job.id);
  const known = await listKnownRuns(
    db,
    runs.map(({ id }) => id),
  );
  const absent = new Map(
    runs.filter(({ id }) => !known.has(id)).map((run) => [run.scheduled_at.getTime(), run] as const),
  );
  const limits = {
    maxRuns: mayWait || isUsedUp(soFar, maxRuns) ? maxRuns : Infinity,
    overlap: job.policy.overlap,
  };
  const due = dueWithinMaxRuns([...absent.keys()], soFar, limits);
  const written = await insertAbsentRuns(
    db,
    due.instants.flatMap((instant) => absent.get(instant) ?? []),
  );
  return { written, heldAt: due.heldAt };
}

/**
 * Inserts the missing rows of a job up to `until`, or until an occurrence has to wait. Returns how many it
 * inserted.
 */
async function writeAllRows(
  db: Database,
  job: JobRow,
  until: Date,
  { checkAfter, mayWait }: { checkAfter: (count: number) => Date; mayWait: boolean },
): Promise<number> {
  let count = 0;
  let materializedTo = job.accounted_to;
  while (materializedTo < until) {
    const due = findDue({ ...job, accounted_to: materializedTo }, until);
    const checkAt = checkAfter(due.instants.length);
    const { written, heldAt } = await writeRows(db, job, due.instants, checkAt, mayWait);
    count += written;
    if (heldAt !== undefined) break;
    materializedTo = due.materializedTo;
  }
  return count;
}

/**
 * Materializes all occurrences of a job up to `until`. To be called before a job is paused, resumed, changed
 * or deleted, in the transaction that does so.
 */
export async function materializeUntil(
  transaction: Database,
  job: JobRow,
  { until, now }: { until: Date; now: Date },
): Promise<void> {
  if (job.state === 'completed') return;
  const pausedAt = pauseOf(job);
  const checkAfter = (count: number) => checkTimeOf(count, now);
  await writeAllRows(transaction, job, earlier(until, pausedAt), { checkAfter, mayWait: false });
  if (pausedAt) await recordPause(transaction, job, pausedAt, until);
  else await insertAbsentRuns(transaction, suppressedRuns(job, until.getTime()));
  await recordSkipped(transaction, job, until);
}

/** Materializes the due occurrences of a job with `maxRuns`, so that they are counted. */
export async function countDueRuns(db: Database, job: JobRow, now: Date): Promise<void> {
  const checkAfter = (count: number) => checkTimeOf(count, now);
  await writeAllRows(db, job, earlier(now, pauseOf(job)), { checkAfter, mayWait: true });
}

/**
 * Materializes the occurrences of a job that were due before the last of its `maxRuns`. Returns whether there
 * were any: then the job has not finished yet.
 */
export async function recordBeforeLast(db: Database, jobId: string, now: Date): Promise<boolean> {
  const job = await findJobOrTombstone(db, jobId);
  if (job?.state !== 'active' || job.schedule.maxRuns === undefined) return false;
  // No run is about to begin, so they are checked at once.
  return (await writeAllRows(db, job, now, { checkAfter: () => now, mayWait: true })) > 0;
}

/**
 * Materializes the jobs that are due for it, one batch of them, until the time is over. Returns how many jobs
 * it began. A job that fails is materialized later, and keeps none of the others from it.
 * @throws the error that says that the database is away
 */
export async function materializeDue(
  { db, logger }: { db: Database; logger: Logger },
  { now, isOver }: { now: Date; isOver: () => boolean },
  limit: number,
): Promise<number> {
  const jobs = await listJobsToMaterialize(db, now, limit);
  const checkAt = checkTimeOf(jobs.length, now);
  const runs: NewRun[] = [];
  const advances: LogAdvance[] = [];
  const isolation = {
    concurrency: 1,
    isOver,
    isFatal: isConnectionLost,
    onFailure: ({ id, generation, accounted_to }: JobRow, error: unknown) => {
      // For example, a time zone that this version does not know.
      logger.error({ err: error, jobId: id }, 'could not materialize the occurrences of a job');
      const waitMs = isDatabaseUnavailable(error) ? LEAST_PERIOD_MS : FAILED_PERIOD_MS;
      const materializeAt = new Date(now.getTime() + waitMs);
      advances.push({ id, generation, materializedTo: accounted_to, materializeAt });
    },
  };
  const begun = await forEachIsolated(jobs, isolation, async (job) => {
    const { queued, ...advance } = await materializeJob(db, job, now, checkAt);
    runs.push(...queued);
    advances.push({ id: job.id, generation: job.generation, ...advance });
  });
  await insertAbsentRuns(db, runs);
  await advanceOccurrenceLogs(db, advances);
  return begun;
}

/**
 * Materializes one job as far as it is due. Returns how far its occurrence log then goes, and the rows that
 * the caller is to insert before it stores that.
 */
async function materializeJob(
  db: Database,
  job: JobRow,
  now: Date,
  checkAt: Date,
): Promise<Pick<LogAdvance, 'materializedTo' | 'materializeAt'> & { queued: NewRun[] }> {
  const until = materializableTo(job, now);
  const { instants, materializedTo } = findDue(job, until);
  let queued: NewRun[] = [];
  if (job.schedule.maxRuns === undefined) queued = queuedRuns(job, instants, checkAt);
  else {
    const { heldAt } = await writeRows(db, job, instants, checkAt, job.state === 'active');
    // rescue.ts brings the next time forward once an earlier occurrence is decided.
    const materializeAt = new Date(now.getTime() + LEAST_PERIOD_MS);
    if (heldAt !== undefined) {
      const beforeHeld = new Date(heldAt - 1);
      await lockAndRecordSkipped(db, job, beforeHeld);
      return { queued, materializedTo: beforeHeld, materializeAt };
    }
  }
  const isAll = materializedTo >= until;
  const ofPause = isAll ? await recordPauseUntilNow(db, job, now) : { materializedTo, isAll };
  const done = ofPause.materializedTo > materializedTo ? ofPause.materializedTo : materializedTo;
  await lockAndRecordSkipped(db, job, done);
  const materializeAt = ofPause.isAll ? nextMaterializeAt(job, done, now) : now;
  return { queued, materializedTo: done, materializeAt };
}

/** Records the occurrences of a job in its present pause. Returns up to where, and whether that is all of them. */
async function recordPauseUntilNow(db: Database, job: JobRow, now: Date) {
  const pausedAt = pauseOf(job);
  const until = pauseRecordableTo(job, now);
  if (!pausedAt || until <= pausedAt) return { materializedTo: job.accounted_to, isAll: true };
  const materializedTo = await recordPause(db, job, pausedAt, until, PAUSED_AT_ONCE);
  return { materializedTo, isAll: materializedTo >= until };
}
