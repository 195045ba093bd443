import { sql } from 'kysely';
import { invalid, SchedulerError } from '../../domain/errors.ts';
import { refersToCalendar } from '../calendars/calendars.ts';
import type { Database } from '../database.ts';
import { PREPARED } from '../prepared-statements.ts';
import { inForceAt } from '../rules.ts';
import { toRevisionRow, type NewRevision } from './revisions.ts';
import type { JobUpdate, JobRow } from '../schema.ts';
import { violatesUnique } from '../unique-violation.ts';

/**
 * Stores a new job and its first revision, in one statement.
 * @throws SchedulerError `name_taken`, or `invalid` if its calendar is gone
 */
export async function insertJob(db: Database, job: JobRow, revision: NewRevision): Promise<void> {
  try {
    await sql`${PREPARED}
      WITH revision AS (INSERT INTO job_revisions ${columnsAndValues(toRevisionRow(revision))})
      INSERT INTO jobs ${columnsAndValues(job)}`.execute(db);
  } catch (error) {
    throw toRefusal(error, job);
  }
}

/** Columns and values for INSERT INTO. The driver writes objects as JSON. */
const columnsAndValues = (row: object) =>
  sql`(${sql.join(Object.keys(row).map((column) => sql.ref(column)))}) VALUES (${sql.join(Object.values(row))})`;

/**
 * Writes columns of a job that the caller's transaction has locked.
 * @throws SchedulerError `name_taken`, or `invalid` if its calendar is gone
 */
export async function updateJob(transaction: Database, job: JobRow, change: JobUpdate): Promise<JobRow> {
  try {
    return await transaction
      .updateTable('jobs')
      .set(change)
      .where('id', '=', job.id)
      .returningAll()
      .executeTakeFirstOrThrow();
  } catch (error) {
    throw toRefusal(error, { ...job, name: String(change.name) });
  }
}

/** What the error of a written job means to who asked for it. */
function toRefusal(error: unknown, { name, namespace }: Pick<JobRow, 'name' | 'namespace'>): unknown {
  if (refersToCalendar(error))
    return invalid([
      {
        path: 'schedule.businessDays.calendar',
        code: 'unknown_calendar',
        message: 'the calendar was deleted meanwhile; create it again first',
      },
    ]);
  if (!violatesUnique(error, 'jobs_name')) return error;
  const message = `A job named ${JSON.stringify(name)} exists already in the namespace ${JSON.stringify(namespace)}.`;
  return new SchedulerError('name_taken', message, {
    errors: [{ path: 'name', code: 'taken', message: 'choose another name, or delete that job first' }],
    cause: error,
  });
}

/** A job that has not been deleted, locked until the transaction ends. */
export function lockJob(
  transaction: Database,
  place: { id: string; namespace?: string },
): Promise<JobRow | undefined> {
  return (
    transaction
      .selectFrom('jobs')
      .selectAll()
      .where('id', '=', place.id)
      .$if(place.namespace !== undefined, (query) => query.where('namespace', '=', place.namespace as string))
      .where('deleted_at', 'is', null)
      // Not FOR UPDATE: runs refer to the job, and inserting one must not wait for this lock.
      .forNoKeyUpdate()
      .executeTakeFirst()
  );
}

/**
 * How many jobs a namespace has. Until the transaction ends, no other transaction can count them, so that no
 * two of them create the last allowed job.
 */
export async function countJobsLocked(transaction: Database, namespace: string): Promise<number> {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`jobs of ${namespace}`}, 0))`.execute(
    transaction,
  );
  const { count } = await transaction
    .selectFrom('jobs')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('namespace', '=', namespace)
    .where('deleted_at', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(count);
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

/**
 * Removes a new job and the idempotency key of the request that created it, for a request that fails after
 * all. Returns whether it did: not if the job has changed, has a run, or is known to Temporal by now.
 */
export async function removeNewJob(db: Database, id: string): Promise<boolean> {
  const { rows } = await sql`
    WITH removed AS (
      DELETE FROM jobs
      WHERE id = ${id} AND generation = 1 AND observed_generation = 0 AND schedule_put_at IS NULL
        AND NOT EXISTS (SELECT FROM runs WHERE runs.job_id = jobs.id)
      RETURNING id
    ), freed AS (
      DELETE FROM idempotency_keys WHERE resource_id IN (SELECT id FROM removed)
    )
    SELECT id FROM removed`.execute(db);
  return rows.length > 0;
}

/** A job, or the tombstone of one. */
export function findJobOrTombstone(db: Database, id: string): Promise<JobRow | undefined> {
  return db.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The schedule and the policy of a job that were in force at an instant. They decide on an occurrence of that instant. */
export async function findInForce(
  db: Database,
  job: JobRow,
  instant: Date,
): Promise<Pick<JobRow, 'schedule' | 'policy'>> {
  if (job.schedule_since < instant) return job;
  const { rows } = await sql<Pick<JobRow, 'schedule' | 'policy'>>`
    SELECT ${inForceAt('schedule', instant)} AS schedule, ${inForceAt('policy', instant)} AS policy
    FROM jobs WHERE id = ${job.id}`.execute(db);
  return rows[0] ?? job;
}
