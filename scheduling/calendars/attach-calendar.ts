import { isDeepStrictEqual } from 'node:util';
import { findCalendar } from '../../db/calendars/calendars.ts';
import type { Database } from '../../db/database.ts';
import type { CalendarRow } from '../../db/schema.ts';
import { invalid } from '../../domain/errors.ts';
import type { Schedule, StoredSchedule } from '../../domain/schedule/schedule.ts';
import { asRequested } from '../../domain/schedule/as-requested.ts';

/**
 * A schedule with the working days of the calendar that it names. A schedule that is the same as `held`, the stored one, stays as that
 * is, with its days and its skips: a change of something else changes no occurrence.
 * @throws SchedulerError `invalid` if there is no such calendar
 */
export async function attachCalendar(
  db: Database,
  namespace: string,
  schedule: Schedule,
  held?: StoredSchedule,
): Promise<StoredSchedule> {
  if (held && isDeepStrictEqual(asRequested(held), schedule)) return held;
  if (!('businessDays' in schedule) || !schedule.businessDays) return schedule as StoredSchedule;
  const calendar = await findCalendar(db, namespace, schedule.businessDays.calendar);
  if (!calendar) throw unknownCalendar(schedule.businessDays.calendar);
  return withDaysOf(calendar, schedule);
}

/** The error for a schedule whose calendar does not exist. */
const unknownCalendar = (name: string) =>
  invalid([
    {
      path: 'schedule.businessDays.calendar',
      code: 'unknown_calendar',
      message: `there is no calendar ${JSON.stringify(name)} in this namespace; create it with POST /calendars first`,
    },
  ]);

/** A schedule with the working days of this calendar. Pure. */
export function withDaysOf(calendar: CalendarRow, schedule: Schedule): StoredSchedule {
  if (!('businessDays' in schedule) || !schedule.businessDays) return schedule as StoredSchedule;
  const { through } = calendar.definition;
  const businessDays = {
    ...schedule.businessDays,
    calendarId: calendar.id,
    days: calendar.days,
    generation: calendar.days_generation,
    ...(through === undefined ? {} : { through }),
  };
  return { ...schedule, businessDays } as StoredSchedule;
}
