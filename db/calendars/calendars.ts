import { sql } from 'kysely';
import pg from 'pg';
import { SchedulerError } from '../../domain/errors.ts';
import type { Database } from '../database.ts';
import type { CalendarRow, JobRow } from '../schema.ts';
import { violatesUnique } from '../unique-violation.ts';

const FOREIGN_KEY_VIOLATION = '23503';

/**
 * Keeps all other changes of calendars of a namespace waiting until the transaction ends: one calendar's days depend on others'.
 */
export async function lockCalendars(transaction: Database, namespace: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`calendars of ${namespace}`}, 0))`.execute(
    transaction,
  );
}

/** Every calendar of a namespace, by name. */
export async function readCalendars(db: Database, namespace: string): Promise<Map<string, CalendarRow>> {
  const rows = await db.selectFrom('calendars').selectAll().where('namespace', '=', namespace).execute();
  return new Map(rows.map((row) => [row.name, row]));
}

/** A calendar by its name. */
export function findCalendar(
  db: Database,
  namespace: string,
  name: string,
): Promise<CalendarRow | undefined> {
  return db
    .selectFrom('calendars')
    .selectAll()
    .where('namespace', '=', namespace)
    .where('name', '=', name)
    .executeTakeFirst();
}

/** A calendar by its id. */
export function findCalendarById(db: Database, id: string): Promise<CalendarRow | undefined> {
  return db.selectFrom('calendars').selectAll().where('id', '=', id).executeTakeFirst();
}

/** One page of calendars in the order of their names, beginning after `afterName`. */
export function listCalendarRows(
  db: Database,
  filter: { namespace: string; afterName: string | undefined; limit: number },
): Promise<CalendarRow[]> {
  const { namespace, afterName, limit } = filter;
  return db
    .selectFrom('calendars')
    .selectAll()
    .where('namespace', '=', namespace)
    .$if(afterName !== undefined, (query) => query.where('name', '>', afterName as string))
    .orderBy('name')
    .limit(limit)
    .execute();
}

/**
 * Stores a new calendar.
 * @throws SchedulerError `name_taken`
 */
export async function insertCalendar(transaction: Database, row: CalendarRow): Promise<void> {
  try {
    await transaction.insertInto('calendars').values(toValues(row)).execute();
  } catch (error) {
    if (!violatesUnique(error, 'calendars_name')) throw error;
    const message = `A calendar named ${JSON.stringify(row.name)} exists already in the namespace ${JSON.stringify(row.namespace)}.`;
    throw new SchedulerError('name_taken', message, {
      errors: [{ path: 'name', code: 'taken', message: 'choose another name, or change that calendar' }],
      cause: error,
    });
  }
}

/** Writes a calendar that the caller's transaction has locked. */
export async function updateCalendar(transaction: Database, row: CalendarRow): Promise<void> {
  const { id, ...columns } = toValues(row);
  await transaction.updateTable('calendars').set(columns).where('id', '=', id).execute();
}

const toValues = ({ definition, days, ...row }: CalendarRow) => ({
  ...row,
  definition: JSON.stringify(definition),
  days: JSON.stringify(days),
});

/** Deletes a calendar. Returns false if a job uses it: then the transaction is to be rolled back. */
export async function removeCalendar(transaction: Database, id: string): Promise<boolean> {
  try {
    await transaction.deleteFrom('calendars').where('id', '=', id).execute();
    return true;
  } catch (error) {
    if (refersToCalendar(error)) return false;
    throw error;
  }
}

/** Tells whether a statement failed because a job uses a calendar that was to be deleted, or one that is gone. Pure. */
export const refersToCalendar = (error: unknown): boolean =>
  error instanceof pg.DatabaseError &&
  error.code === FOREIGN_KEY_VIOLATION &&
  error.constraint === 'jobs_calendar';

/** A job that uses a calendar. */
export interface CalendarUser {
  id: string;
  name: string;
}

/** The first jobs, by name, that use any of these calendars, and how many there are. */
export async function listCalendarUsers(
  db: Database,
  calendarIds: string[],
  limit: number,
): Promise<{ jobs: CalendarUser[]; count: number }> {
  if (calendarIds.length === 0) return { jobs: [], count: 0 };
  const [jobs, { count }] = await Promise.all([
    db
      .selectFrom('jobs')
      .select(['id', 'name'])
      .where('calendar_id', 'in', calendarIds)
      .orderBy('name')
      .limit(limit)
      .execute(),
    db
      .selectFrom('jobs')
      .select((eb) => eb.fn.countAll<string>().as('count'))
      .where('calendar_id', 'in', calendarIds)
      .executeTakeFirstOrThrow(),
  ]);
  return { jobs, count: Number(count) };
}

/** One page of the jobs that use any of these calendars, in the order of their ids. */
export function listJobsOfCalendars(
  db: Database,
  calendarIds: string[],
  page: { afterId: string | undefined; limit: number },
): Promise<Pick<JobRow, 'id' | 'name' | 'schedule' | 'calendar_id'>[]> {
  const { afterId, limit } = page;
  if (calendarIds.length === 0) return Promise.resolve([]);
  return db
    .selectFrom('jobs')
    .select(['id', 'name', 'schedule', 'calendar_id'])
    .where('calendar_id', 'in', calendarIds)
    .$if(afterId !== undefined, (query) => query.where('id', '>', afterId as string))
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** How many jobs use each of these calendars. */
export async function countCalendarUsers(db: Database, calendarIds: string[]): Promise<Map<string, number>> {
  if (calendarIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('jobs')
    .select((eb) => ['calendar_id', eb.fn.countAll<string>().as('count')])
    .where('calendar_id', 'in', calendarIds)
    .groupBy('calendar_id')
    .execute();
  return new Map(rows.map(({ calendar_id, count }) => [calendar_id as string, Number(count)]));
}
