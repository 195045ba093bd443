import { sql } from 'kysely';
import type { Database } from '../database.ts';

// What is removed when it is old. Each call removes one batch, and returns how many rows that were.

/** Removes runs that ended before `before`. A job's `maxRuns` goes on counting them. */
export async function removeOldRuns(db: Database, before: Date, limit: number): Promise<number> {
  const { rows } = await sql<{ count: string }>`
    WITH old AS (
      SELECT id FROM runs WHERE ended_at < ${before} ORDER BY ended_at LIMIT ${limit}
    ), removed AS (
      DELETE FROM runs WHERE id IN (SELECT id FROM old) RETURNING job_id, trigger, state
    ), counted AS (
      SELECT job_id, count(*)::integer AS count FROM removed
      WHERE trigger = 'schedule' AND state NOT IN ('skipped', 'missed') GROUP BY job_id
    ), noted AS (
      UPDATE jobs SET runs_removed = runs_removed + counted.count FROM counted WHERE jobs.id = counted.job_id
    )
    SELECT count(*) AS count FROM removed`.execute(db);
  return Number(rows[0]?.count ?? 0);
}

/** Removes jobs that were deleted before `before`, that Temporal has forgotten, and of which no run is left. */
export async function removeOldTombstones(db: Database, before: Date, limit: number): Promise<number> {
  const removed = await db
    .deleteFrom('jobs')
    .where('id', 'in', (query) =>
      query
        .selectFrom('jobs as old')
        .select('old.id')
        .where('old.deleted_at', '<', before)
        .whereRef('old.observed_generation', '=', 'old.generation')
        .where(sql<boolean>`NOT EXISTS (SELECT FROM runs WHERE runs.job_id = old.id)`)
        .limit(limit),
    )
    .executeTakeFirst();
  return Number(removed.numDeletedRows);
}

/** Removes idempotency keys that were first used before `before`. */
export async function removeOldKeys(db: Database, before: Date, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    DELETE FROM idempotency_keys WHERE (namespace, key) IN (
      SELECT namespace, key FROM idempotency_keys WHERE created_at < ${before} ORDER BY created_at LIMIT ${limit})`.execute(
    db,
  );
  return Number(numAffectedRows ?? 0);
}
