import { sql } from 'kysely';
import type { Database } from './database.ts';
import type { JobRow } from './schema.ts';

// What sync and the reconciler ask and note of jobs; what callers do to them is in jobs.ts.

/** Notes that Temporal matches this generation, as of this version of specs; never goes back to an older one. */
export async function setObserved(
  db: Database,
  id: string,
  generation: number,
  specVersion: string,
): Promise<void> {
  await db
    .updateTable('jobs')
    .set({ observed_generation: generation, sync_error: null, spec_version: specVersion })
    .where('id', '=', id)
    .where('generation', '>=', generation)
    .where('observed_generation', '<=', generation)
    .execute();
}

/** Notes why Temporal could not be made to match this generation. */
export async function setSyncError(
  db: Database,
  id: string,
  generation: number,
  message: string,
): Promise<void> {
  await db
    .updateTable('jobs')
    .set({ sync_error: message })
    .where('id', '=', id)
    .where('generation', '=', generation)
    .where('observed_generation', '<', generation)
    .execute();
}

/** Jobs and tombstones that Temporal does not match yet and that nobody touched since `before`, the oldest first. */
export function listUnsynced(db: Database, before: Date, limit: number): Promise<{ id: string }[]> {
  return db
    .selectFrom('jobs')
    .select('id')
    .whereRef('observed_generation', '<>', 'generation')
    .where('updated_at', '<', before)
    .orderBy('updated_at')
    .limit(limit)
    .execute();
}

/** Jobs whose schedules were made by an older version of specs. */
export function listOutdatedSpecs(
  db: Database,
  specVersion: string,
  limit: number,
): Promise<{ id: string }[]> {
  return db
    .selectFrom('jobs')
    .select('id')
    .where('state', '=', 'active')
    .where('deleted_at', 'is', null)
    .whereRef('observed_generation', '=', 'generation')
    .where(sql<string>`spec_version COLLATE "C"`, '<', specVersion)
    .limit(limit)
    .execute();
}

/** Paused jobs whose pause is over. */
export function listPausesOver(db: Database, now: Date, limit: number): Promise<{ id: string }[]> {
  return db
    .selectFrom('jobs')
    .select('id')
    .where('state', '=', 'paused')
    .where('deleted_at', 'is', null)
    .where('paused_until', '<=', now)
    .limit(limit)
    .execute();
}

/**
 * Active jobs that have had their last occurrence: none lies ahead or `maxRuns` is reached, no run is under way, and
 * the last occurrence has its run, or can not get one any more.
 */
export async function listFinished(
  db: Database,
  now: Date,
  limit: number,
): Promise<Pick<JobRow, 'id' | 'namespace' | 'policy'>[]> {
  // Two parts, for each has an index of its own.
  const { rows } = await sql<Pick<JobRow, 'id' | 'namespace' | 'policy'>>`
    WITH finished AS (
      SELECT id FROM jobs
      WHERE state = 'active' AND deleted_at IS NULL AND finishes_at <= ${now} AND (
        finishes_at < ${now}::timestamptz - make_interval(secs => catchup_seconds)
        OR EXISTS (SELECT FROM runs WHERE job_id = jobs.id AND trigger = 'schedule' AND scheduled_at = jobs.finishes_at))
      UNION
      SELECT id FROM jobs
      WHERE state = 'active' AND deleted_at IS NULL AND schedule->>'maxRuns' IS NOT NULL
        AND (schedule->>'maxRuns')::bigint <= (
          SELECT count(*) FROM runs WHERE job_id = jobs.id AND trigger = 'schedule' AND state <> 'skipped')
    )
    SELECT id, namespace, policy FROM jobs
    WHERE id IN (SELECT id FROM finished)
      AND NOT EXISTS (SELECT FROM runs WHERE job_id = jobs.id AND ended_at IS NULL)
    LIMIT ${limit}`.execute(db);
  return rows;
}

/** Notes that a job is completed, as a new generation. */
export async function completeJob(db: Database, id: string, now: Date): Promise<void> {
  await db
    .updateTable('jobs')
    .set((eb) => ({ state: 'completed', generation: eb('generation', '+', 1), updated_at: now }))
    .where('id', '=', id)
    .where('state', '=', 'active')
    .where('deleted_at', 'is', null)
    .execute();
}

/** The time zones that jobs use, but for UTC. */
export async function listTimeZones(db: Database): Promise<string[]> {
  // A loose index scan: one look-up a zone, however many jobs there are.
  const { rows } = await sql<{ zone: string }>`
    WITH RECURSIVE zones AS (
      (SELECT schedule->>'timeZone' AS zone FROM jobs
       WHERE state = 'active' AND deleted_at IS NULL AND schedule->>'timeZone' <> 'UTC' ORDER BY 1 LIMIT 1)
      UNION ALL
      SELECT (SELECT schedule->>'timeZone' FROM jobs
              WHERE state = 'active' AND deleted_at IS NULL AND schedule->>'timeZone' <> 'UTC'
                AND schedule->>'timeZone' > zones.zone ORDER BY 1 LIMIT 1)
      FROM zones WHERE zones.zone IS NOT NULL
    ) SELECT zone FROM zones WHERE zone IS NOT NULL`.execute(db);
  return rows.map(({ zone }) => zone);
}

/** Active jobs in a time zone, in the order of their ids, beginning after `afterId`. */
export function listActiveInZone(
  db: Database,
  timeZone: string,
  afterId: string | undefined,
  limit: number,
): Promise<JobRow[]> {
  return db
    .selectFrom('jobs')
    .selectAll()
    .where('state', '=', 'active')
    .where('deleted_at', 'is', null)
    .where(sql<string>`schedule->>'timeZone'`, '=', timeZone)
    .$if(afterId !== undefined, (query) => query.where('id', '>', afterId as string))
    .orderBy('id')
    .limit(limit)
    .execute();
}
