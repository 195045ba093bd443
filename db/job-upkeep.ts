import { sql } from 'kysely';
import type { Database } from './database.ts';
import type { JobRow } from './schema.ts';

// What time brings to jobs: what is over, what is finished, what is shown twice by clocks.

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
 * Active jobs that have had their last occurrence: all are accounted for, or `maxRuns` is reached, and no run is open.
 */
export async function listFinished(
  db: Database,
  now: Date,
  limit: number,
): Promise<Pick<JobRow, 'id' | 'policy'>[]> {
  // Two parts, for each has an index of its own.
  const { rows } = await sql<Pick<JobRow, 'id' | 'policy'>>`
    WITH finished AS (
      SELECT id FROM jobs
      WHERE state = 'active' AND deleted_at IS NULL AND finishes_at <= ${now} AND accounted_to >= finishes_at
      UNION
      SELECT id FROM jobs
      WHERE state = 'active' AND deleted_at IS NULL AND schedule->>'maxRuns' IS NOT NULL
        AND (schedule->>'maxRuns')::bigint <= runs_removed + (
          SELECT count(*) FROM runs
          WHERE job_id = jobs.id AND trigger = 'schedule' AND state NOT IN ('skipped', 'missed'))
    )
    SELECT id, policy FROM jobs
    WHERE id IN (SELECT id FROM finished)
      AND NOT EXISTS (SELECT FROM runs WHERE job_id = jobs.id AND ended_at IS NULL)
    LIMIT ${limit}`.execute(db);
  return rows;
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
