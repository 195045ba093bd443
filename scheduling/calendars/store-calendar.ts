import { isDeepStrictEqual } from 'node:util';
import {
  insertCalendar,
  listCalendarUsers,
  lockCalendars,
  readCalendars,
  removeCalendar,
  updateCalendar,
} from '../../db/calendars/calendars.ts';
import { insertCalendarRevision } from '../../db/calendars/calendar-revisions.ts';
import type { Database } from '../../db/database.ts';
import { inTransaction } from '../../db/in-transaction.ts';
import type { CalendarRow } from '../../db/schema.ts';
import type { BusinessCalendarDefinition } from '../../domain/business-calendar/business-calendar.ts';
import { includedBy, resolveCalendar } from '../../domain/business-calendar/resolve-calendar.ts';
import { invalid, SchedulerError, type FieldError } from '../../domain/errors.ts';
import type { RevisionChanges } from '../../domain/job/revision.ts';
import type { Writer } from '../jobs/store-job.ts';

/** The most calendars of a namespace. */
const MAX_CALENDARS = 500;
/** How many jobs the refusal of a deletion names. */
const NAMED_JOBS = 10;

type CalendarWriter = Pick<Writer, 'by' | 'now' | 'source'>;

/** A change of a calendar: what is to be stored, and which other calendars have other working days by it. */
export interface CalendarChange {
  calendar: CalendarRow;
  /** It and the calendars that include it, if their working days change: as they will be. */
  affected: CalendarRow[];
  changed: boolean;
}

/**
 * Stores a new calendar, in the caller's transaction, if there is one.
 * @throws SchedulerError `name_taken`, `too_many`, or `invalid` for calendars to include that do not exist
 */
export function storeNewCalendar(
  db: Database,
  place: { id: string; namespace: string; name: string },
  definition: BusinessCalendarDefinition,
  { by, now, source }: CalendarWriter,
): Promise<CalendarRow> {
  return inTransaction(db, async (transaction) => {
    await lockCalendars(transaction, place.namespace);
    const all = await readCalendars(transaction, place.namespace);
    if (all.size >= MAX_CALENDARS) {
      const message = `The namespace ${place.namespace} holds ${MAX_CALENDARS} calendars, the most that are taken; delete one first.`;
      throw new SchedulerError('too_many', message);
    }
    const calendar: CalendarRow = {
      ...place,
      definition,
      days: resolve(all, place.name, definition),
      days_generation: 1,
      generation: 1,
      created_at: now,
      updated_at: now,
    };
    await insertCalendar(transaction, calendar);
    await insertCalendarRevision(transaction, calendar, {
      at: now,
      by,
      action: 'created',
      changes: {},
      source,
    });
    return calendar;
  });
}

/**
 * Works out a change of a calendar, without storing it. `decide` gives the new definition for the present row.
 * @throws SchedulerError `invalid` if it, or a calendar that includes it, cannot be resolved afterwards; what `decide` throws
 */
export async function planCalendarChange(
  db: Database,
  place: { namespace: string; name: string },
  decide: (calendar: CalendarRow) => BusinessCalendarDefinition,
): Promise<CalendarChange | undefined> {
  const all = await readCalendars(db, place.namespace);
  const held = all.get(place.name);
  if (!held) return undefined;
  const definition = decide(held);
  if (isDeepStrictEqual(definition, held.definition)) return { calendar: held, affected: [], changed: false };
  const calendar = { ...held, definition, generation: held.generation + 1 };
  all.set(place.name, calendar);
  const find = (name: string) => namedOf(all.get(name));
  const affected: CalendarRow[] = [];
  for (const row of all.values()) {
    const isIncluding = includedBy({ ...row.definition, name: row.name }, find).includes(place.name);
    if (row !== calendar && !isIncluding) continue;
    const days = resolve(all, row.name, row.definition);
    const isSame =
      isDeepStrictEqual(days, row.days) && row.definition.through === all.get(row.name)?.definition.through;
    if (isSame && !(row === calendar && held.definition.through !== definition.through)) continue;
    affected.push({ ...row, days, days_generation: row.days_generation + 1 });
  }
  return { calendar: affected.find(({ id }) => id === calendar.id) ?? calendar, affected, changed: true };
}

/**
 * Changes a calendar, and the working days of those that include it, in one transaction. The jobs that use them follow by the
 * reconciler. Undefined if there is none.
 * @throws SchedulerError as planCalendarChange
 */
export function storeCalendarChange(
  db: Database,
  place: { namespace: string; name: string },
  { by, now, source }: CalendarWriter,
  decide: (calendar: CalendarRow) => BusinessCalendarDefinition,
): Promise<CalendarChange | undefined> {
  return inTransaction(db, async (transaction) => {
    await lockCalendars(transaction, place.namespace);
    let before: CalendarRow | undefined;
    const planned = await planCalendarChange(transaction, place, (held) => decide((before = held)));
    if (!planned || !before || !planned.changed) return planned;
    const calendar = { ...planned.calendar, updated_at: now };
    await updateCalendar(transaction, calendar);
    for (const row of planned.affected) if (row.id !== calendar.id) await updateCalendar(transaction, row);
    const changes = changesOf(before.definition, calendar.definition);
    await insertCalendarRevision(transaction, calendar, { at: now, by, action: 'changed', changes, source });
    return { ...planned, calendar };
  });
}

/**
 * Deletes a calendar; false if there is none. `check` may refuse the present row.
 * @throws SchedulerError `calendar_in_use` with what uses it; what `check` throws
 */
export function deleteCalendar(
  db: Database,
  place: { namespace: string; name: string },
  { by, now, source }: CalendarWriter,
  check: (calendar: CalendarRow) => void,
): Promise<boolean> {
  return inTransaction(db, async (transaction) => {
    await lockCalendars(transaction, place.namespace);
    const all = await readCalendars(transaction, place.namespace);
    const calendar = all.get(place.name);
    if (!calendar) return false;
    check(calendar);
    const including = [...all.values()].filter(({ definition }) => definition.include.includes(place.name));
    const users = await listCalendarUsers(transaction, [calendar.id], NAMED_JOBS);
    if (including.length > 0 || users.count > 0) throw inUse(place.name, including, users);
    const gone = { ...calendar, generation: calendar.generation + 1 };
    await insertCalendarRevision(transaction, gone, { at: now, by, action: 'deleted', changes: {}, source });
    // A job may have begun to use it since it was counted.
    if (!(await removeCalendar(transaction, calendar.id)))
      throw inUse(place.name, [], { jobs: [], count: 1 });
    return true;
  });
}

function inUse(
  name: string,
  including: CalendarRow[],
  { jobs, count }: { jobs: { id: string; name: string }[]; count: number },
): SchedulerError {
  const calendars = including.map((row) => `calendar ${JSON.stringify(row.name)}`);
  const shown = [...calendars, ...jobs.map((job) => `job ${JSON.stringify(job.name)}`)];
  const more = count > jobs.length ? ` and ${count - jobs.length} more` : '';
  const message = `The calendar ${JSON.stringify(name)} is in use by ${shown.join(', ')}${more}; change these first.`;
  const errors: FieldError[] = jobs.map((job) => ({
    path: '',
    code: 'used_by_job',
    message: `the job ${JSON.stringify(job.name)}, ${job.id}, uses it`,
  }));
  return new SchedulerError('calendar_in_use', message, { errors });
}

const namedOf = (row: CalendarRow | undefined) => row && { ...row.definition, name: row.name };

function resolve(all: Map<string, CalendarRow>, name: string, definition: BusinessCalendarDefinition) {
  const resolution = resolveCalendar({ ...definition, name }, (other) => namedOf(all.get(other)));
  if ('days' in resolution) return resolution.days;
  throw invalid(resolution.errors);
}

function changesOf(before: BusinessCalendarDefinition, after: BusinessCalendarDefinition): RevisionChanges {
  const fields = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<
    keyof BusinessCalendarDefinition
  >;
  const changes: RevisionChanges = {};
  for (const field of fields)
    if (!isDeepStrictEqual(before[field], after[field]))
      changes[field] = { before: before[field], after: after[field] };
  return changes;
}
