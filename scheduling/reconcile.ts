import {
  completeJob,
  listFinished,
  listOutdatedSpecs,
  listPausesOver,
  listUnsynced,
} from '../db/job-upkeep.ts';
import { deleteJob, resumeJob } from '../db/jobs.ts';
import { specVersionAt } from './spec-version.ts';
import { holdsNothingBack, syncJob, type SyncDependencies } from './sync.ts';

/** The process that wrote a job syncs it at once; only what it left behind for this long is taken over. */
const GRACE_MS = 5_000;
const BATCH = 100;

/**
 * One pass over what time brings with it: ends pauses that are over, completes jobs that have had their last
 * occurrence, brings to Temporal what has not arrived there, and renews schedules whose clock changes run out. One
 * batch of each. Returns how many jobs it took on.
 */
export async function reconcile(dependencies: SyncDependencies, now: Date): Promise<number> {
  const { db } = dependencies;
  const resumed = await listPausesOver(db, now, BATCH);
  for (const { id } of resumed) await resumeJob(db, id, now);

  const finished = await findFinished(dependencies, now);
  for (const { id, namespace, policy } of finished) {
    if (policy.onCompletion === 'delete') await deleteJob(db, namespace, id, now);
    else await completeJob(db, id, now);
  }

  const unsynced = await listUnsynced(db, new Date(now.getTime() - GRACE_MS), BATCH);
  const outdated = await listOutdatedSpecs(db, specVersionAt(now.getTime()), BATCH);
  const changed = [...resumed, ...finished];
  const jobs = new Set([...changed, ...unsynced, ...outdated].map(({ id }) => id));
  for (const id of jobs) await syncJob(dependencies, id);
  return jobs.size;
}

/** Jobs that have had their last occurrence, and of which Temporal holds nothing back either. */
async function findFinished({ db, temporal, logger }: SyncDependencies, now: Date) {
  const finished = [];
  for (const job of await listFinished(db, now, BATCH)) {
    try {
      if (await holdsNothingBack(temporal, job.id)) finished.push(job);
    } catch (error) {
      logger.warn({ err: error, jobId: job.id }, 'could not see whether a job is finished');
    }
  }
  return finished;
}
