import { ScheduleNotFoundError, type Client, type ScheduleDescription } from '@temporalio/client';
import type { Database } from '../../db/database.ts';
import { raiseGeneration, setObserved, setSyncError } from '../../db/jobs/sync-state.ts';
import { findJobOrTombstone } from '../../db/jobs/jobs.ts';
import { countScheduledRuns } from '../../db/runs/runs.ts';
import type { JobRow } from '../../db/schema.ts';
import { toInstant } from '../../domain/instant.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import { scheduleIdOf } from '../../domain/run/ids.ts';
import type { Logger } from '../../platform/logger.ts';
import type { CircuitBreaker } from '../../platform/circuit-breaker.ts';
import { inSpan } from '../../platform/spans.ts';
import { countDueRuns, isDueSince } from '../occurrences/occurrence-log.ts';
import { deleteSchedule, putSchedule, type PutResult } from './put-schedule.ts';
import { specVersionAt } from './spec-version.ts';
import { describeRefusal, isInvalid, isUnreachable } from '../temporal/temporal-errors.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';

/** What is needed to talk to both sides. */
export interface SyncDependencies {
  db: Database;
  temporal: Client;
  /** Whether Temporal is away, as this process knows it. */
  breaker: CircuitBreaker;
  taskQueue: string;
  logger: Logger;
}

/** The process that stored something brings it to Temporal at once; after this time the reconciler does. */
export const INLINE_GRACE_MS = 5 * SECOND_MS;

/** A job that Temporal refused is tried again after two seconds, then four, and so on up to this. */
const LONGEST_BACK_OFF_MS = 300 * SECOND_MS;

/**
 * Makes Temporal match a job: its schedule exists as the job says, or is gone if the job was deleted or is completed.
 * Idempotent, and safe to call from anywhere at once: an older generation never takes the place of a newer one, and
 * `observed_generation` rises only to what Temporal was seen to hold. Never throws for a Temporal that is away or
 * refuses: the row then says so, and the reconciler tries again. `stored` is the job as the caller has just stored it, if
 * it has: it need not be read again then. Answers whether Temporal could be reached, the job, if Temporal matches it, and why
 * Temporal refuses it, if it says that it will never take it as it is.
 */
export async function syncJob(
  dependencies: SyncDependencies,
  jobId: string,
  stored?: JobRow,
): Promise<{ isReached: boolean; job?: JobRow | undefined; refusal?: string }> {
  const { db, temporal, breaker, logger } = dependencies;
  let known = stored;
  let written: number | undefined;
  for (;;) {
    const job: JobRow | undefined = known ?? (await findJobOrTombstone(db, jobId));
    const specVersion = specVersionAt(Date.now());
    // A schedule that was made or deleted here may have been for a job that changed in that very moment.
    const isOutdated = written !== undefined && written !== job?.schedule_generation;
    if (!job || (isSynced(job, specVersion) && !isOutdated)) return { isReached: true, job };
    known = undefined;
    let result: PutResult | { kind: 'deleted' };
    try {
      const settings = { attributes: { 'scheduler.job.id': jobId }, link: job.origin?.traceparent };
      result = await inSpan('sync schedule', settings, async () => {
        const runs = await countRuns(db, job);
        return breaker.attempt(() =>
          withinDeadline(temporal, () => bringToTemporal(dependencies, job, runs)),
        );
      });
    } catch (error) {
      logger.warn({ err: error, jobId, generation: job.generation }, 'could not bring a job to Temporal');
      if (isUnreachable(error)) return { isReached: false };
      const backOffMs = Math.min(2 ** (job.sync_attempts + 1) * SECOND_MS, LONGEST_BACK_OFF_MS);
      const again = new Date(Date.now() + backOffMs);
      await setSyncError(db, job, describeSyncError(error, again), again);
      return { isReached: true, ...(isInvalid(error) ? { refusal: describeRefusal(error) } : {}) };
    }
    if (result.kind === 'newer') {
      await raiseAbove(dependencies, jobId, result.generation);
      continue;
    }
    if (result.kind !== 'kept') {
      const fields = { jobId, generation: job.generation, ...requestOf(job, logger) };
      logger.info(fields, `the schedule was ${result.kind}`);
    }
    written = job.schedule_generation;
    const now = new Date();
    const putAt = result.kind === 'written' ? now : result.kind === 'kept' ? job.schedule_put_at : null;
    known = await setObserved(db, job, {
      specVersion,
      specHash: result.kind === 'deleted' ? null : result.specHash,
      putAt,
      // What Temporal will never start is not to wait for its turn.
      ...(result.kind === 'written' && isDueSince(job, now) ? { materializeAt: now } : {}),
    });
  }
}

/** The request that a change comes from, for the log, unless each line of this logger names it. Pure. */
function requestOf({ origin }: JobRow, logger: Logger): { requestId?: string } {
  return origin && logger.bindings()['requestId'] !== origin.requestId ? { requestId: origin.requestId } : {};
}

/** What a job that Temporal does not take says of it, and of what happens next. Pure. */
const describeSyncError = (error: unknown, again: Date) =>
  `The schedule is not in force: ${describeRefusal(error)}. It is tried again at ${toInstant(again.getTime())}, and with every change of the job.`;

function isSynced(job: JobRow, specVersion: string): boolean {
  if (job.observed_generation !== job.generation) return false;
  return job.deleted_at !== null || job.state === 'completed' || (job.spec_version ?? '') >= specVersion;
}

/** How many scheduled runs a job with `maxRuns` has had. Asked before Temporal is: how the database is says nothing of it. */
async function countRuns(db: Database, job: JobRow): Promise<number> {
  if (job.schedule.maxRuns === undefined || job.deleted_at || job.state === 'completed') return 0;
  // What is due already Temporal will not start, and it counts.
  await countDueRuns(db, job, new Date());
  return (await countScheduledRuns(db, [job.id])).get(job.id) ?? 0;
}

async function bringToTemporal({ temporal, taskQueue }: SyncDependencies, job: JobRow, runs: number) {
  if (job.deleted_at || job.state === 'completed') {
    await deleteSchedule(temporal, scheduleIdOf(job.id));
    return { kind: 'deleted' as const };
  }
  return await putSchedule(temporal, taskQueue, job, runs);
}

/**
 * Temporal holds a newer generation than we read. Usually the job has changed meanwhile; but if its row is still older,
 * the database was restored from a backup. It holds the truth, so its generation is raised above Temporal's.
 */
async function raiseAbove({ db, logger }: SyncDependencies, jobId: string, generation: number) {
  const job = await findJobOrTombstone(db, jobId);
  if (!job || job.schedule_generation >= generation) return;
  logger.warn({ jobId, generation: job.generation, found: generation }, 'Temporal is ahead of the database');
  await raiseGeneration(db, job, generation + 1, new Date());
}

/** The Temporal Schedule of a job; undefined if there is none. */
export async function findSchedule(
  temporal: Client,
  jobId: string,
): Promise<ScheduleDescription | undefined> {
  const handle = temporal.schedule.getHandle(scheduleIdOf(jobId));
  try {
    return await withinDeadline(temporal, () => handle.describe());
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}
