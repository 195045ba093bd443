import { claimUnsynced, deferSync, listOutdatedSpecs, releaseUnsynced } from '../../db/jobs/sync-state.ts';
import { isConnectionLost } from '../../db/unavailable.ts';
import { MINUTE_MS, SECOND_MS } from '../../domain/milliseconds.ts';
import { forEachIsolated } from '../../platform/for-each-isolated.ts';
import { specVersionAt } from '../schedules/spec-version.ts';
import { syncJob, type SyncDependencies } from '../schedules/sync.ts';
import type { Round } from './run-steps.ts';

const CONCURRENCY = 8;
/** For this time, no other process syncs the jobs that a round has claimed. */
const CLAIM_MS = 15 * SECOND_MS;
/** A job that could not be synced, for a reason that is not Temporal's, is synced again after this time. */
const SYNC_AGAIN_MS = 5 * MINUTE_MS;

/** Brings changes of jobs to Temporal that are not there yet, one batch of them. Returns how many jobs reached it. */
export async function syncUnsynced(
  dependencies: SyncDependencies,
  round: Round,
  limit: number,
): Promise<number> {
  const { db } = dependencies;
  const { now } = round;
  const jobs = await claimUnsynced(db, now, new Date(now.getTime() + CLAIM_MS), limit);
  const left = new Set(jobs.map(({ id }) => id));
  await syncEach(dependencies, round, [...left], (id) => left.delete(id));
  await releaseUnsynced(db, [...left], now);
  return jobs.length - left.size;
}

/**
 * Writes schedules again that were made by an older version of specs, one batch. Returns how many jobs
 * reached Temporal.
 */
export async function renewSpecs(
  dependencies: SyncDependencies,
  round: Round,
  limit: number,
): Promise<number> {
  const { now } = round;
  const jobs = await listOutdatedSpecs(dependencies.db, specVersionAt(now.getTime()), now, limit);
  let reached = 0;
  await syncEach(
    dependencies,
    round,
    jobs.map(({ id }) => id),
    () => reached++,
  );
  return reached;
}

/**
 * Syncs jobs until Temporal cannot be reached. `onReached` is called with each job for which it could, whether or not
 * Temporal took its schedule. A job that fails on our side is deferred.
 */
async function syncEach(
  dependencies: SyncDependencies,
  round: Round,
  jobIds: string[],
  onReached: (jobId: string) => void,
): Promise<void> {
  const { db, logger } = dependencies;
  let isAway = false;
  const onFailure = async (jobId: string, error: unknown) => {
    logger.error({ err: error, jobId }, 'could not sync a job');
    await deferSync(db, jobId, new Date(round.now.getTime() + SYNC_AGAIN_MS));
    onReached(jobId);
  };
  const isOver = () => isAway || round.isOver();
  const isolation = { concurrency: CONCURRENCY, isOver, isFatal: isConnectionLost, onFailure };
  await forEachIsolated(jobIds, isolation, async (jobId) => {
    const { isReached } = await syncJob(dependencies, jobId);
    if (isReached) onReached(jobId);
    else isAway = true;
  });
}
