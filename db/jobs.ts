import { sql } from 'kysely';
import pg from 'pg';
import { SchedulerError } from '../domain/errors.ts';
import type { JobState } from '../domain/job.ts';
import type { Database } from './database.ts';
import type { JobRow, NewJob } from './schema.ts';

const UNIQUE_VIOLATION = '23505';

/**
 * Stores a new job.
 * @throws SchedulerError `name_taken`
 */
export async function insertJob(db: Database, job: NewJob): Promise<JobRow> {
  try {
    return await db.insertInto('jobs').values(job).returningAll().executeTakeFirstOrThrow();
  } catch (error) {
    if (
      error instanceof pg.DatabaseError &&
      error.code === UNIQUE_VIOLATION &&
      error.constraint === 'jobs_name'
    ) {
      const message = `A job named ${JSON.stringify(job.name)} exists already in the namespace ${JSON.stringify(job.namespace)}.`;
      throw new SchedulerError('name_taken', message, {
        errors: [{ path: 'name', code: 'taken', message: 'choose another name, or delete that job first' }],
        cause: error,
      });
    }
    throw error;
  }
}

/** A job that has not been deleted. */
export function findJob(db: Database, namespace: string, id: string): Promise<JobRow | undefined> {
  return db
    .selectFrom('jobs')
    .selectAll()
    .where('namespace', '=', namespace)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
}

/** A job, or the tombstone of one. */
export function findJobOrTombstone(db: Database, id: string): Promise<JobRow | undefined> {
  return db.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
}

/** One page of jobs, newest first (ids of version 7 rise with time), beginning after `afterId`. */
export function listJobs(
  db: Database,
  filter: {
    namespace: string;
    name?: string | undefined;
    state?: JobState | undefined;
    afterId?: string | undefined;
    limit: number;
  },
): Promise<JobRow[]> {
  return db
    .selectFrom('jobs')
    .selectAll()
    .where('namespace', '=', filter.namespace)
    .where('deleted_at', 'is', null)
    .$if(filter.name !== undefined, (query) => query.where('name', '=', filter.name as string))
    .$if(filter.state !== undefined, (query) => query.where('state', '=', filter.state as JobState))
    .$if(filter.afterId !== undefined, (query) => query.where('id', '<', filter.afterId as string))
    .orderBy('id', 'desc')
    .limit(filter.limit)
    .execute();
}

/** Turns a job into a tombstone, as a new generation. Undefined if there is no such job. */
export function deleteJob(
  db: Database,
  namespace: string,
  id: string,
  now: Date,
): Promise<JobRow | undefined> {
  return db
    .updateTable('jobs')
    .set((eb) => ({ deleted_at: now, updated_at: now, generation: eb('generation', '+', 1) }))
    .where('namespace', '=', namespace)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
}

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

/** Jobs whose schedules were made for other time-zone data, or too long ago. */
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
    .where('spec_version', '<>', specVersion)
    .limit(limit)
    .execute();
}

/** Who pauses a job, and why, and until when. */
export interface Pause {
  reason: string;
  by: string;
  until: Date | null;
}

/** Pauses a job that is active, or changes the reason and end of its pause. Undefined if there is nothing to change. */
export function pauseJob(db: Database, id: string, pause: Pause, now: Date): Promise<JobRow | undefined> {
  return db
    .updateTable('jobs')
    .set((eb) => ({
      state: 'paused',
      pause_reason: pause.reason,
      paused_by: pause.by,
      paused_at: eb.fn.coalesce('paused_at', eb.val(now)),
      paused_until: pause.until,
      generation: eb('generation', '+', 1),
      updated_at: now,
    }))
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .where((eb) =>
      eb.or([
        eb('state', '=', 'active'),
        eb.and([
          eb('state', '=', 'paused'),
          eb.or([
            eb('pause_reason', '<>', pause.reason),
            eb('paused_until', 'is distinct from', pause.until),
          ]),
        ]),
      ]),
    )
    .returningAll()
    .executeTakeFirst();
}

const NOT_PAUSED = { pause_reason: null, paused_by: null, paused_at: null, paused_until: null } as const;

/** Makes a paused job active again. Undefined if it is not paused. */
export function resumeJob(db: Database, id: string, now: Date): Promise<JobRow | undefined> {
  return db
    .updateTable('jobs')
    .set((eb) => ({
      ...NOT_PAUSED,
      state: 'active',
      consecutive_failures: 0,
      generation: eb('generation', '+', 1),
      updated_at: now,
    }))
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .where('state', '=', 'paused')
    .returningAll()
    .executeTakeFirst();
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
