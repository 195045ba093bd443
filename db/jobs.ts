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
