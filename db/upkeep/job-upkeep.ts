import { sql } from 'kysely';
import type { Database } from '../database.ts';
import type { DeferringStep } from './deferrals.ts';
import type { JobRow } from '../schema.ts';

// What time brings to jobs: what is over, what is finished, what is shown twice by clocks.

/** Of a job, in a step that puts jobs off (deferrals.ts). */
const notDeferred = (step: DeferringStep, now: Date) => sql<boolean>`
  NOT EXISTS (SELECT FROM deferrals WHERE step = ${step} AND job_id = jobs.id AND retry_at > ${now})`;

/** Those that have not failed come first. */
const failuresIn = (step: DeferringStep) => sql`
  coalesce((SELECT failures FROM deferrals WHERE step = ${step} AND job_id = jobs.id), 0)`;

/** Paused jobs whose pause is over. */
export function listPausesOver(db: Database, now: Date, limit: number): Promise<{ id: string }[]> {
  return db
    .selectFrom('jobs')
    .select('id')
    .where('state', '=', 'paused')
    .where('deleted_at', 'is', null)
    .where('paused_until', '<=', now)
    .where(notDeferred('resumed', now))
    .orderBy(failuresIn('resumed'))
    .limit(limit)
    .execute();
}

/** A job that has had its last occurrence, as of a generation. */
export type FinishedJob = Pick<JobRow, 'id' | 'policy' | 'generation'>;

const NO_OPEN_RUN = sql<boolean>`NOT EXISTS (SELECT FROM runs WHERE runs.job_id = jobs.id AND runs.ended_at IS NULL)`;

/**
 * Active jobs whose last occurrence was due by `dueBy`, whose occurrences are all accounted for, and that have no open run.
 */
export function listFinished(db: Database, dueBy: Date, now: Date, limit: number): Promise<FinishedJob[]> {
  return db
    .selectFrom('jobs')
    .select(['id', 'policy', 'generation'])
    .where('state', '=', 'active')
    .where('deleted_at', 'is', null)
    .where('finishes_at', '<=', dueBy)
    .whereRef('accounted_to', '>=', 'finishes_at')
    .where(NO_OPEN_RUN)
    .where(notDeferred('completed', now))
    .orderBy(failuresIn('completed'))
    .limit(limit)
    .execute();
}

/** Active jobs of which a run ended after `since`, whose `maxRuns` are used up, and that have no open run. */
export async function listUsedUp(
  db: Database,
  since: Date,
  now: Date,
  limit: number,
): Promise<FinishedJob[]> {
  const { rows } = await sql<FinishedJob>`
    SELECT id, policy, generation FROM jobs
    WHERE state = 'active' AND deleted_at IS NULL AND schedule->>'maxRuns' IS NOT NULL
      AND id IN (SELECT job_id FROM runs WHERE ended_at > ${since} AND trigger = 'schedule')
      AND ${NO_OPEN_RUN}
      AND (schedule->>'maxRuns')::bigint <= runs_removed + (
        SELECT count(*) FROM runs
        WHERE job_id = jobs.id AND trigger = 'schedule' AND state NOT IN ('skipped', 'missed'))
      AND ${notDeferred('completed', now)}
    ORDER BY ${failuresIn('completed')} LIMIT ${limit}`.execute(db);
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
