import { listUnsynced } from '../db/jobs.ts';
import { syncJob, type SyncDependencies } from './sync.ts';

/** The process that wrote a job syncs it at once; only what it left behind for this long is taken over. */
const GRACE_MS = 5_000;
const BATCH = 100;

/** Syncs the jobs that were written but never arrived in Temporal: one batch. Returns how many it took on. */
export async function reconcile(dependencies: SyncDependencies): Promise<number> {
  const jobs = await listUnsynced(dependencies.db, new Date(Date.now() - GRACE_MS), BATCH);
  for (const job of jobs) await syncJob(dependencies, job.id);
  return jobs.length;
}
