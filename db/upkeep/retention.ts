import { sql } from 'kysely';
import type { Database } from '../database.ts';
import { COUNTS_FOR_MAX_RUNS } from '../rules.ts';

// Removal of old rows. Each call removes one batch, and returns how many rows it removed.

/** Removes runs that ended before `before`. A job's `maxRuns` goes on counting them. */
export async function removeOldRuns(db: Database, before: Date, limit: number): Promise<number> {
  const { rows } = await sql<{ count: string }>`
    -- One batch of old runs.
    WITH old AS (
      SELECT id FROM runs WHERE ended_at < ${before} ORDER BY ended_at LIMIT ${limit}
    ),
    -- Removes them.
    removed AS (
      DELETE FROM runs WHERE id IN (SELECT id FROM old) RETURNING job_id, trigger, state
    ),
    -- How many of each job count for its maxRuns.
    counted AS (
      SELECT job_id, count(*)::integer AS count FROM removed WHERE ${COUNTS_FOR_MAX_RUNS} GROUP BY job_id
    ),
    -- Adds them to the job, so that they go on counting.
    noted AS (
      UPDATE jobs SET runs_removed = runs_removed + counted.count FROM counted WHERE jobs.id = counted.job_id
    )
    SELECT count(*) AS count FROM removed`.execute(db);
  return Number(rows[0]?.count ?? 0);
}

/** Removes tombstones of jobs deleted before `before` that have no schedule in Temporal and no runs any more. */
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

/** Removes idempotency keys first used before `before`. */
export async function removeOldKeys(db: Database, before: Date, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    DELETE FROM idempotency_keys WHERE (namespace, key) IN (
      SELECT namespace, key FROM idempotency_keys WHERE created_at < ${before} ORDER BY created_at LIMIT ${limit})`.execute(
    db,
  );
  return Number(numAffectedRows ?? 0);
}
