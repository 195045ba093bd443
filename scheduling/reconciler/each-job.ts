import type { Database } from '../../db/database.ts';
import { deferJob, forgetDeferrals, type DeferringStep } from '../../db/upkeep/deferrals.ts';
import { isConnectionLost } from '../../db/unavailable.ts';
import { concurrently } from '../../platform/concurrently.ts';
import type { Logger } from '../../platform/logger.ts';

const CONCURRENCY = 4;

/**
 * Does a step of the reconciler for each job. One that fails is put off, and keeps neither the others nor later steps from
 * their turn; nor do those that take long, for none is begun once the time of the step is over. Returns how many were
 * taken on.
 * @throws what says that the database is away
 */
export async function forEachJob(
  { db, logger }: { db: Database; logger: Logger },
  step: DeferringStep,
  jobIds: string[],
  isOver: () => boolean,
  work: (jobId: string) => Promise<void>,
): Promise<number> {
  const done: string[] = [];
  let begun = 0;
  try {
    await concurrently(jobIds, CONCURRENCY, async (jobId) => {
      if (isOver()) return;
      begun++;
      try {
        await work(jobId);
        done.push(jobId);
      } catch (error) {
        if (isConnectionLost(error)) throw error;
        logger.error({ err: error, jobId, step }, 'could not reconcile a job');
        await deferJob(db, step, jobId, new Date());
      }
    });
  } finally {
    await forgetDeferrals(db, step, done);
  }
  return begun;
}
