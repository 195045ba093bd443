import { sql } from 'kysely';
import type { Database } from '../database.ts';

// Jobs that a step of the reconciler has failed on. Each is deferred, longer with each failure, and comes
// after jobs that have not failed, so that failing jobs never keep the others from being reconciled. Stored,
// because the next pass may run in another process.

/** Steps that defer jobs. Stored rows hold these names. */
export type DeferringStep = 'resumed' | 'completed' | 'calendar' | 'late';

/** Defers a job: for two seconds after the first failure, then four, and so on up to five minutes. */
export async function deferJob(db: Database, step: DeferringStep, jobId: string): Promise<void> {
  await sql`
    INSERT INTO deferrals (step, job_id, failures, retry_at)
    VALUES (${step}, ${jobId}, 1, now() + interval '2 s')
    ON CONFLICT (step, job_id) DO UPDATE SET
      failures = deferrals.failures + 1,
      retry_at = now() + least(2 ^ least(deferrals.failures + 1, 10), 300) * interval '1 s'`.execute(db);
}

/** Removes the deferrals of jobs that have been reconciled. */
export async function forgetDeferrals(db: Database, step: DeferringStep, jobIds: string[]): Promise<void> {
  if (jobIds.length === 0) return;
  await db.deleteFrom('deferrals').where('step', '=', step).where('job_id', 'in', jobIds).execute();
}

/** Removes deferrals that were to be retried before `before`. Returns how many it removed. */
export async function removeOldDeferrals(db: Database, before: Date): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('deferrals')
    .where('retry_at', '<', before)
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}
