import type { Client } from '@temporalio/client';
import type { Database } from '../../db/database.ts';
import { raiseGeneration, setObserved, setSyncError } from '../../db/jobs/sync-state.ts';
import { findJobOrTombstone } from '../../db/jobs/jobs.ts';
import { isDatabaseError } from '../../db/unavailable.ts';
import { countScheduledRuns } from '../../db/runs/runs.ts';
import type { JobRow } from '../../db/schema.ts';
import { toInstant } from '../../domain/instant.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import { scheduleIdOf } from '../../domain/run/ids.ts';
import type { Logger } from '../../platform/logger.ts';
import type { CircuitBreaker } from '../../platform/circuit-breaker.ts';
import { inSpan } from '../../platform/spans.ts';
import { isDueSince } from '../occurrences/due-occurrences.ts';
import { countDueRuns } from '../occurrences/occurrence-log.ts';
import type { HeldFields } from './held-schedule.ts';
import { deleteSchedule, putSchedule, type PutResult } from './put-schedule.ts';
import { specVersionAt } from './spec-version.ts';
import { describeSchedule, type Description } from '../temporal/raw-schedules.ts';
import { describeRefusal, isInvalid, isUnreachable } from '../temporal/temporal-errors.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';

/** What it takes to work with the database and with Temporal. */
export interface SyncDependencies {
  db: Database;
  temporal: Client;
  /** Of this process, for calls to Temporal. */
  breaker: CircuitBreaker;
  taskQueue: string;
  logger: Logger;
}

/** The result of `syncJob`. */
interface Synced {
  isReached: boolean;
  job?: JobRow | undefined;
  held?: HeldFields | undefined;
  refusal?: string;
}

/** The process that stored a change brings it to Temporal at once. The reconciler takes over after this time. */
export const INLINE_GRACE_MS = 5 * SECOND_MS;

/** A job that Temporal refused is synced again after two seconds, then four, and so on up to this time. */
const LONGEST_BACK_OFF_MS = 300 * SECOND_MS;

/**
 * Makes Temporal match a job: its schedule exists as the job says, or is gone if the job is deleted or
 * completed. Idempotent, and safe to call concurrently: an older generation never replaces a newer one, and
 * `observed_generation` rises only to a generation that Temporal was seen to hold. If Temporal is away or
 * refuses the job, the row says so, and the reconciler tries again. `stored` is the job, if the caller has
 * just stored it and it need not be read.
 * @returns whether Temporal could be reached; the job, if Temporal matches it; what Temporal holds of its schedule,
 * if that was written; and why Temporal refuses it, if it always will
 * @throws an error of the database
 */
export async function syncJob(
  dependencies: SyncDependencies,
  jobId: string,
  stored?: JobRow,
): Promise<Synced> {
  const { db, temporal, breaker, logger } = dependencies;
  let known = stored;
  let written: number | undefined;
  let held: HeldFields | undefined;
  for (;;) {
    const job: JobRow | undefined = known ?? (await findJobOrTombstone(db, jobId));
    const specVersion = specVersionAt(Date.now());
    // The job may have changed while its schedule was written or deleted here.
    const isOutdated = written !== undefined && written !== job?.schedule_generation;
    if (!job || (isSynced(job, specVersion) && !isOutdated)) return { isReached: true, job, held };
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
      // An error of the database says nothing about the job's schedule.
      if (isDatabaseError(error)) throw error;
      logger.warn({ err: error, jobId, generation: job.generation }, 'could not sync a job');
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
    held = result.kind === 'written' ? result.held.fields : undefined;
    const now = new Date();
    const putAt = result.kind === 'written' ? now : result.kind === 'kept' ? job.schedule_put_at : null;
    known = await setObserved(db, job, {
      specVersion,
      ...(result.kind === 'deleted'
        ? { specHash: null, scheduleHash: null, listedHash: null }
        : {
            specHash: result.specHash,
            scheduleHash: result.held.hash,
            listedHash: result.held.listedHash,
          }),
      putAt,
      // Temporal does not start occurrences that were due before: they are materialized at once.
      ...(result.kind === 'written' && isDueSince(job, now) ? { materializeAt: now } : {}),
    });
  }
}

/** The request that made a change, for the log, unless the logger names it already. Pure. */
function requestOf({ origin }: JobRow, logger: Logger): { requestId?: string } {
  return origin && logger.bindings()['requestId'] !== origin.requestId ? { requestId: origin.requestId } : {};
}

/** The `sync.error` of a job: why its schedule is not in force, and what happens next. Pure. */
const describeSyncError = (error: unknown, again: Date) =>
  `The schedule is not in force: ${describeRefusal(error)}. It is tried again at ${toInstant(again.getTime())}, and with every change of the job.`;

function isSynced(job: JobRow, specVersion: string): boolean {
  if (job.observed_generation !== job.generation) return false;
  return job.deleted_at !== null || job.state === 'completed' || (job.spec_version ?? '') >= specVersion;
}

/** How many scheduled runs a job with `maxRuns` has had. */
async function countRuns(db: Database, job: JobRow): Promise<number> {
  if (job.schedule.maxRuns === undefined || job.deleted_at || job.state === 'completed') return 0;
  // Temporal does not start occurrences that are due already, and they count.
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
 * Handles a schedule of a newer generation than the job that was read. Usually the job has changed meanwhile.
 * But if its row is still older, the database was restored from a backup: the database wins, and its
 * generation is raised above Temporal's.
 */
async function raiseAbove({ db, logger }: SyncDependencies, jobId: string, generation: number) {
  const job = await findJobOrTombstone(db, jobId);
  if (!job || job.schedule_generation >= generation) return;
  logger.warn({ jobId, generation: job.generation, found: generation }, 'Temporal is ahead of the database');
  await raiseGeneration(db, job, generation + 1, new Date());
}

/** The Temporal Schedule of a job; undefined if there is none. */
export const findSchedule = (temporal: Client, jobId: string): Promise<Description | undefined> =>
  withinDeadline(temporal, () => describeSchedule(temporal, scheduleIdOf(jobId)));
