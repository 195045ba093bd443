import type { Database } from '../../db/database.ts';
import { deferJob, forgetDeferrals, type DeferringStep } from '../../db/upkeep/deferrals.ts';
import { isConnectionLost } from '../../db/unavailable.ts';
import { forEachIsolated } from '../../platform/for-each-isolated.ts';
import type { Logger } from '../../platform/logger.ts';

const CONCURRENCY = 4;

/**
 * Does a step's work for each job. A job that fails is deferred, longer with each failure, and keeps none of
 * the others from being worked on. Returns how many jobs were begun before the step's time was over.
 * @throws the error that says that the database is away
 */
export async function forEachJob(
  { db, logger }: { db: Database; logger: Logger },
  step: DeferringStep,
  jobIds: Iterable<string>,
  isOver: () => boolean,
  work: (jobId: string) => Promise<void>,
): Promise<number> {
  const done: string[] = [];
  const onFailure = (jobId: string, error: unknown) => {
    logger.error({ err: error, jobId, step }, 'could not reconcile a job');
    return deferJob(db, step, jobId);
  };
  const isolation = { concurrency: CONCURRENCY, isOver, isFatal: isConnectionLost, onFailure };
  try {
    return await forEachIsolated(jobIds, isolation, async (jobId) => {
      await work(jobId);
      done.push(jobId);
    });
  } finally {
    await forgetDeferrals(db, step, done);
  }
}
