import { sql } from 'kysely';
import type { RepairedDrift } from '../../domain/job/job.ts';
import type { Database } from '../database.ts';
import type { JobRow } from '../schema.ts';

// Which jobs have their Temporal Schedules compared, and when (scheduling/schedules/compare-schedules.ts): all of
// them in the order of their ids, round after round, and some before their turn.

/** The jobs that are to have a schedule in Temporal, and are known to have one. */
const comparable = (db: Database) =>
  db
    .selectFrom('jobs')
    .selectAll()
    .where('deleted_at', 'is', null)
    .where('state', '<>', 'completed')
    .whereRef('observed_generation', '=', 'generation')
    .where('schedule_put_at', 'is not', null);

/** Jobs to compare before their turn, the longest overdue first. */
export const listComparedSoon = (db: Database, now: Date, limit: number): Promise<JobRow[]> =>
  comparable(db).where('compare_at', '<=', now).orderBy('compare_at').limit(limit).execute();

/** The next jobs of a round, after `afterId`. Those that are to be compared at a time of their own are left out. */
export const listComparedNext = (db: Database, afterId: string | null, limit: number): Promise<JobRow[]> =>
  comparable(db)
    .where('compare_at', 'is', null)
    .$if(afterId !== null, (query) => query.where('id', '>', afterId as string))
    .orderBy('id')
    .limit(limit)
    .execute();

/**
 * Has jobs compared before their turn. A job that keeps drifting waits for its time. The row of a job may be locked
 * for long: then it stays as it is.
 */
export async function compareSoon(db: Database, jobIds: readonly string[], now: Date): Promise<void> {
  if (jobIds.length === 0) return;
  await sql`
    UPDATE jobs SET compare_at = ${now}
    WHERE id IN (
      SELECT id FROM jobs WHERE id = ANY(${jobIds}::uuid[]) AND compare_at IS NULL FOR NO KEY UPDATE SKIP LOCKED
    )`.execute(db);
}

/** Stores that schedules are as they were written, and have their turn in the round again. */
export async function noteUndrifted(db: Database, jobIds: readonly string[]): Promise<void> {
  if (jobIds.length === 0) return;
  await sql`
    UPDATE jobs SET compare_at = NULL, drift_count = 0
    WHERE id = ANY(${jobIds}::uuid[]) AND (compare_at IS NOT NULL OR drift_count > 0)`.execute(db);
}

/** Stores the drift of a schedule that was repaired, and when to compare it next; null: in its turn. */
export async function noteHealed(
  db: Database,
  jobId: string,
  { drift, at, compareAt }: { drift: RepairedDrift[]; at: Date; compareAt: Date | null },
): Promise<void> {
  await db
    .updateTable('jobs')
    .set((eb) => ({
      healed_at: at,
      drift: JSON.stringify(drift),
      drift_count: eb('drift_count', '+', 1),
      compare_at: compareAt,
    }))
    .where('id', '=', jobId)
    .execute();
}
