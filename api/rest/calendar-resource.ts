import { z } from 'zod';
import { countCalendarUsers, findCalendar } from '../../db/calendars/calendars.ts';
import type { Database } from '../../db/database.ts';
import type { CalendarRow } from '../../db/schema.ts';
import type { BusinessCalendar } from '../../domain/business-calendar/business-calendar.ts';
import { CalendarName } from '../../domain/business-calendar/calendar-name.ts';
import { SchedulerError } from '../../domain/errors.ts';
import { toInstant } from '../../domain/instant.ts';
import { etagOf } from './if-match.ts';
import type { Answer } from './operation.ts';

// Shared by the routes of calendars.

/** The parameters of every path below a calendar. */
export const CalendarParams = z.strictObject({ name: CalendarName });

/** The response headers of a calendar, for the OpenAPI document. */
export const CALENDAR_HEADERS = { ETag: 'Generation of the calendar, for `If-Match`.' };

/** The error for a calendar that does not exist. */
export const noSuchCalendar = (name: string) =>
  new SchedulerError('not_found', `There is no calendar ${JSON.stringify(name)}.`);

/** @throws SchedulerError `not_found` */
export async function requireCalendar(db: Database, namespace: string, name: string): Promise<CalendarRow> {
  const calendar = await findCalendar(db, namespace, name);
  if (!calendar) throw noSuchCalendar(name);
  return calendar;
}

/** A calendar as the API answers it. */
export const presentCalendar = (row: CalendarRow, usedBy: number): BusinessCalendar => ({
  name: row.name,
  namespace: row.namespace,
  ...row.definition,
  generation: row.generation,
  usedBy,
  createdAt: toInstant(row.created_at.getTime()),
  updatedAt: toInstant(row.updated_at.getTime()),
});

/** Answers a single calendar, with its ETag. */
export async function answerCalendar(
  status: number,
  db: Database,
  row: CalendarRow,
): Promise<Answer & { headers: Record<string, string>; body: BusinessCalendar }> {
  const users = await countCalendarUsers(db, [row.id]);
  return {
    status,
    headers: { ETag: etagOf(row) },
    body: presentCalendar(row, users.get(row.id) ?? 0),
  };
}
