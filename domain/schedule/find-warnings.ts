import { compileSchedule, type CompiledSchedule } from './compile-schedule.ts';
import { toInstant } from '../instant.ts';
import { DAY_MS, SECOND_MS } from '../milliseconds.ts';
import { occurrences } from './occurrences.ts';
import type { StoredWorkingDays } from './business-days-schema.ts';
import type { Schedule } from './schedule.ts';
import type { Warning } from './schedule-warning.ts';
import { warnOfClockChange } from './warn-of-clock-change.ts';
import { warnOfDays } from './warn-of-days.ts';

/** A calendar is to be brought up to date this long before it ends. */
const CALENDAR_ENDS_MS = 60 * DAY_MS;
const YEAR_MS = 366 * DAY_MS;
/** A schedule with shorter intervals is called frequent. */
const FREQUENT_MS = 10 * SECOND_MS;

/** Finds likely mistakes in a schedule, as it fires after `now` (milliseconds since the epoch). */
export function findWarnings(
  schedule: Schedule,
  now: number,
  compiled: CompiledSchedule = compileSchedule(schedule),
): Warning[] {
  return [
    ...warnOfDays(schedule),
    ...warnOfClockChange(schedule, compiled, now),
    ...warnOfAnchor(schedule, compiled),
    ...warnOfFrequency(compiled, now),
    ...warnOfCalendar(schedule, now),
  ];
}

/** Warns if an interval has a `startAt` that is not one of its occurrences. */
function warnOfAnchor(schedule: Schedule, { startAt, intervals }: CompiledSchedule): Warning[] {
  const [interval] = intervals;
  if (!('every' in schedule) || schedule.anchor !== undefined) return [];
  if (startAt === undefined || !interval) return [];
  const [first] = occurrences(
    { calendars: [], intervals, instants: [], exclude: [], timeZone: 'UTC' },
    startAt - 1,
    1,
  );
  if (first === undefined || first === startAt) return [];
  const message = `every ${schedule.every} counts from 1970-01-01T00:00:00Z, not from startAt: the first occurrence is at ${toInstant(first)}. With anchor "startAt" it is at startAt; set anchor "epoch" to silence this warning.`;
  return [{ code: 'counts_from_1970', message }];
}

/** Warns of a calendar whose holidays are known for a short time only, or no more. */
function warnOfCalendar(schedule: Schedule, now: number): Warning[] {
  if (!('businessDays' in schedule) || !schedule.businessDays) return [];
  const { calendar, through } = schedule.businessDays as typeof schedule.businessDays &
    Partial<StoredWorkingDays>;
  if (through === undefined || Date.parse(through) - now > CALENDAR_ENDS_MS) return [];
  const isOver = Date.parse(through) + DAY_MS <= now;
  const message = `The calendar ${calendar} knows holidays through ${through}${isOver ? ', which is over' : ''}; after it the days of the week alone count. Bring it up to date.`;
  return [{ code: 'calendar_ends', message }];
}

function warnOfFrequency(compiled: CompiledSchedule, now: number): Warning[] {
  const instants = occurrences(compiled, now, 60);
  const gapsMs = instants.slice(1).map((instant, index) => instant - (instants[index] as number));
  if (gapsMs.some((gapMs) => gapMs < FREQUENT_MS)) {
    return [{ code: 'frequent', message: 'It fires more often than once in 10 seconds.' }];
  }
  const recurring = compiled.instants.length === 0 && compiled.endAt === undefined;
  if (recurring && gapsMs.length > 0 && Math.min(...gapsMs.slice(0, 2)) > YEAR_MS) {
    return [{ code: 'rare', message: 'It fires less than once a year.' }];
  }
  return [];
}
