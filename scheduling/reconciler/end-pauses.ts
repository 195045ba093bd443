import { listPausesOver } from '../../db/upkeep/job-upkeep.ts';
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
    // Every change ends a pause that is over first.
    await storeJobChange(db, { id }, { by: 'pause.until', now, secrets, taskQueue }, () => undefined);
    await syncJob(dependencies, id);
  });
}
