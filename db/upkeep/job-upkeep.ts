import { sql } from 'kysely';
import type { Database } from '../database.ts';
import type { DeferringStep } from './deferrals.ts';
import { HAS_NO_OPEN_RUN, SCHEDULED_RUNS } from '../rules.ts';
import type { JobRow } from '../schema.ts';

// Jobs that need work because time has passed: pauses that are over, jobs without another occurrence, clock changes.

/** Of a row of `jobs`: the step has not deferred the job (deferrals.ts). */
export const notDeferred = (step: DeferringStep, now: Date) => sql<boolean>`
  NOT EXISTS (SELECT FROM deferrals WHERE step = ${step} AND job_id = jobs.id AND retry_at > ${now})`;

/** Orders jobs that have not failed first. */
export const failuresIn = (step: DeferringStep) => sql`
  coalesce((SELECT failures FROM deferrals WHERE step = ${step} AND job_id = jobs.id), 0)`;

/** Paused jobs whose `pause.until` has passed. */
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

/** Jobs whose schedules hold older working days than their calendars. */
export async function listOutdatedByCalendar(db: Database, now: Date, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('jobs')
    .innerJoin('calendars', 'calendars.id', 'jobs.calendar_id')
    .select('jobs.id')
    .whereRef('jobs.calendar_generation', '<', 'calendars.days_generation')
    .where('jobs.deleted_at', 'is', null)
    .where(notDeferred('calendar', now))
    .orderBy(failuresIn('calendar'))
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** A job that has had its last occurrence or run, as of a generation. */
export type FinishedJob = Pick<JobRow, 'id' | 'policy' | 'generation'>;

/** Active jobs whose last occurrence was due by `dueBy`, with all occurrences materialized and no open run. */
export function listFinished(db: Database, dueBy: Date, now: Date, limit: number): Promise<FinishedJob[]> {
  return db
    .selectFrom('jobs')
    .select(['id', 'policy', 'generation'])
    .where('state', '=', 'active')
    .where('deleted_at', 'is', null)
    .where('finishes_at', '<=', dueBy)
    .whereRef('accounted_to', '>=', 'finishes_at')
    .where(HAS_NO_OPEN_RUN)
    .where(notDeferred('completed', now))
    .orderBy(failuresIn('completed'))
    .limit(limit)
    .execute();
}

/** Active jobs whose `maxRuns` are used up, of which a run ended after `since`, and that have no open run. */
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
      AND ${HAS_NO_OPEN_RUN}
      AND (schedule->>'maxRuns')::bigint <= ${SCHEDULED_RUNS}
      AND ${notDeferred('completed', now)}
    ORDER BY ${failuresIn('completed')} LIMIT ${limit}`.execute(db);
  return rows;
}

/** The time zones other than UTC that active jobs use. */
export async function listTimeZones(db: Database): Promise<string[]> {
  // A loose index scan: one look-up per zone, however many jobs there are.
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

/** One page of the active jobs in a time zone, by id, beginning after `afterId`. */
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
