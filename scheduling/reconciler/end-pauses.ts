import { listPausesOver } from '../../db/upkeep/job-upkeep.ts';
import { resumption } from '../jobs/resumption.ts';
import { storeJobChange } from '../jobs/store-job.ts';
import { syncJob } from '../schedules/sync.ts';
import { forEachJob } from './each-job.ts';
import type { ReconcileDependencies } from './reconcile-dependencies.ts';
import type { Round } from './run-steps.ts';

/** Resumes jobs whose `pause.until` has passed, one batch of them. Returns how many jobs it began. */
export async function endPauses(
  dependencies: ReconcileDependencies,
  { now, isOver }: Round,
  limit: number,
): Promise<number> {
  const { db, secrets, taskQueue } = dependencies;
  const jobs = await listPausesOver(db, now, limit);
  const ids = jobs.map(({ id }) => id);
  return forEachJob(dependencies, 'resumed', ids, isOver, async (id) => {
    await storeJobChange(db, { id }, { by: 'pause.until', now, secrets, taskQueue }, (job) => {
      if (job.state !== 'paused' || job.paused_until === null || job.paused_until > now) return undefined;
      return resumption(job, now);
    });
    await syncJob(dependencies, id);
  });
}
