import { sql } from 'kysely';
import type { Database } from '../database.ts';

// Jobs that a step of the reconciler failed to deal with. Each is put off, longer with each failure, and comes after those
// that have not failed: so however many fail, and for however long, the others have their turn. In the database, for
// another process may go on.

/** The steps that put jobs off. */
export type DeferringStep = 'resumed' | 'completed' | 'renewed';

/** Puts a job off: for two seconds after the first failure, then four, and so on up to five minutes. */
export async function deferJob(db: Database, step: DeferringStep, jobId: string, now: Date): Promise<void> {
  await sql`
    INSERT INTO deferrals (step, job_id, failures, retry_at)
    VALUES (${step}, ${jobId}, 1, ${now}::timestamptz + interval '2 s')
    ON CONFLICT (step, job_id) DO UPDATE SET
      failures = deferrals.failures + 1,
      retry_at = ${now}::timestamptz + least(2 ^ least(deferrals.failures + 1, 10), 300) * interval '1 s'`.execute(
    db,
  );
}

/** Forgets that jobs had failed, which have been dealt with. */
export async function forgetDeferrals(db: Database, step: DeferringStep, jobIds: string[]): Promise<void> {
  if (jobIds.length === 0) return;
  await db.deleteFrom('deferrals').where('step', '=', step).where('job_id', 'in', jobIds).execute();
}

/** Removes what nobody has tried again for a day. Returns how many that were. */
export async function removeOldDeferrals(db: Database, before: Date): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('deferrals')
    .where('retry_at', '<', before)
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}
