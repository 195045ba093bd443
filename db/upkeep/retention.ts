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

/** The database refuses to remove younger entries of the audit log (db/migrations/0018-audit-log.ts). */
const MAY_GO = sql`at <= now() - interval '12 hours'`;

/**
 * Removes tombstones of jobs deleted before `before` that have no schedule in Temporal and no runs any more, with their
 * revisions and their entries in the audit log.
 */
export async function removeOldTombstones(db: Database, before: Date, limit: number): Promise<number> {
  const { rows } = await sql<{ count: string }>`
    WITH removed AS (
      DELETE FROM jobs WHERE id IN (
        SELECT id FROM jobs
        WHERE deleted_at < ${before} AND observed_generation = generation
          AND NOT EXISTS (SELECT FROM runs WHERE runs.job_id = jobs.id)
        LIMIT ${limit})
      RETURNING id
    ),
    -- Their entries in the log.
    unlogged AS (
      DELETE FROM audit_log WHERE job_id IN (SELECT id FROM removed) AND ${MAY_GO}
    )
    SELECT count(*) AS count FROM removed`.execute(db);
  return Number(rows[0]?.count ?? 0);
}

/**
 * Removes entries of the audit log from before `before`: those about runs and backfills, and those about jobs that never
 * came to be. The others go with their jobs.
 */
export async function removeOldAuditEntries(db: Database, before: Date, limit: number): Promise<number> {
  const { rows } = await sql<{ count: string }>`
    -- One batch, along the index of entries that expire.
    WITH old AS (
      SELECT namespace, at, id, job_id, action FROM audit_log
      WHERE (resource IN ('run', 'backfill') OR action = 'withdrawn') AND at < ${before} AND ${MAY_GO}
      ORDER BY at LIMIT ${limit}
    ),
    -- The creation of a job that was withdrawn.
    created AS (
      DELETE FROM audit_log WHERE job_id IN (SELECT job_id FROM old WHERE action = 'withdrawn')
        AND action <> 'withdrawn' AND ${MAY_GO}
    ),
    removed AS (
      DELETE FROM audit_log WHERE (namespace, at, id) IN (SELECT namespace, at, id FROM old) RETURNING id
    )
    SELECT count(*) AS count FROM removed`.execute(db);
  return Number(rows[0]?.count ?? 0);
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
