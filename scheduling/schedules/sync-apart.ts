import { deferSync } from '../../db/jobs/sync-state.ts';
import { isConnectionLost } from '../../db/unavailable.ts';
import { MINUTE_MS } from '../../domain/milliseconds.ts';
import { syncJob, type SyncDependencies } from './sync.ts';

/** A job that could not be synced, for no reason of Temporal's, is tried again after this time. */
const SYNC_AGAIN_MS = 5 * MINUTE_MS;

/** Syncs a job. What goes wrong on our side, rather than Temporal's, puts it off, and keeps no other from it. */
export async function syncApart(
  dependencies: SyncDependencies,
  jobId: string,
): Promise<{ isReached: boolean }> {
  const { db, logger } = dependencies;
  try {
    return await syncJob(dependencies, jobId);
  } catch (error) {
    if (isConnectionLost(error)) throw error;
    logger.error({ err: error, jobId }, 'could not sync a job');
    await deferSync(db, jobId, new Date(Date.now() + SYNC_AGAIN_MS));
    return { isReached: true };
  }
}
