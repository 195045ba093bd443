import { FIRST_YEAR, LAST_YEAR, numbers, toRanges, toValues, type Calendar } from '../domain/calendar.ts';
import { compileMatcher, nextLocal } from '../domain/calendar-search.ts';
import type { CompiledSchedule, Interval } from '../domain/compiled-schedule.ts';
import { iterateOccurrences } from '../domain/occurrences.ts';
import { clockChanges, type ClockChange } from '../domain/time-zone.ts';
import { DAY_MS, HOUR_MS } from '../domain/milliseconds.ts';

/** Clock changes are spelled out up to the end of this many years after the current one. */
const HORIZON_YEARS = 3;
/** More instants than these are not spelled out around one clock change. */
const MAX_INSTANTS = 1_500;

/** What a Temporal Schedule is made of; its server knows no rules for clock changes. */
export interface TemporalSpec {
  calendars: Calendar[];
  intervals: Interval[];
  exclude: Calendar[];
}

/** The last year whose clock changes a spec made at `now` spells out. */
export const horizonOf = (now: number) => new Date(now).getUTCFullYear() + HORIZON_YEARS;

/**
 * Turns a compiled schedule into one for Temporal's server that fires at exactly the same instants up to the horizon.
 *
 * The server matches local times literally: what the clocks leave out it skips, what they show twice it fires twice, and
 * where clocks change by other than a whole hour, or at midnight, it errs (calendar.go in its source). So the hours
 * around a change are taken out of a calendar that has times in them, and these few instants are spelled out, in UTC.
 * Most schedules have none there, and stay as they are.
 */
export function toTemporalSpec(schedule: CompiledSchedule, now: number): TemporalSpec {
  const { timeZone, exclude } = schedule;
  const horizon = Date.UTC(horizonOf(now) + 1, 0, 1);
  // From yesterday, for a schedule may still have to make up for occurrences that it missed.
  const windows = clockChanges(timeZone, now - 2 * DAY_MS, horizon).map((change) => toWindow(change));
  const instants = new Set(schedule.instants);
  const calendars = schedule.calendars.flatMap((entry) => {
    // At midnight the server can take the wrong day of the week, so there every one counts.
    const matcher = compileMatcher({ ...entry.calendar, dayOfWeek: [{ start: 0, end: 6, step: 1 }] });
    const touched = windows.filter(({ from, to }) => nextLocal(matcher, from, to) !== undefined);
    const removed: LocalHour[] = [];
    for (const window of touched) {
      const alone = { calendars: [entry], intervals: [], instants: [], exclude: [], timeZone };
      const spelledOut = instantsIn(alone, window);
      if (spelledOut.length <= MAX_INSTANTS) {
        for (const instant of spelledOut) instants.add(instant);
        removed.push(...window.hours);
      } else if (spelledOut.includes(window.change)) {
        // Too many; but a time that was shifted out of a gap to its end is one that the server knows nothing of.
        instants.add(window.change);
      }
    }
    return withoutHours(entry.calendar, removed);
  });
  const once = [...instants].sort((a, b) => a - b).map(onceAt);
  return { calendars, intervals: [...schedule.intervals, ...once], exclude };
}

/**
 * One instant, as an interval from the epoch to it: no time zone, and so no clock change, can touch it. It would come
 * round again at twice that distance, in 2083 at the earliest; long before, the spec has been made anew without it.
 * An interval with the instant as its offset would not fire: the server does not look for offsets that lie ahead.
 */
const onceAt = (instant: number): Interval => ({ everyMs: instant, offsetMs: 0 });

interface LocalHour {
  year: number;
  month: number;
  day: number;
  hour: number;
}

/**
 * The local hours around a clock change. The clock shows a time in [from, to) just at the instants in [start, end).
 */
interface Window {
  from: number;
  to: number;
  start: number;
  end: number;
  /** The instant of the change. */
  change: number;
  hours: LocalHour[];
}

function toWindow(change: ClockChange): Window {
  const { instant, localFrom, localTo, direction } = change;
  const touchesMidnight =
    Math.floor(localFrom / DAY_MS) !== Math.floor(localTo / DAY_MS) || localFrom % DAY_MS === 0;
  // Where midnight itself is missing or comes twice, whole days are spelled out; else the hours, and one on each side:
  // where the server works out that an hour comes twice, it can mean the hour before.
  const [unit, margin] = touchesMidnight ? [DAY_MS, 0] : [HOUR_MS, HOUR_MS];
  const from = Math.floor(localFrom / unit) * unit - margin;
  const to = Math.ceil(localTo / unit) * unit + margin;
  const hours: LocalHour[] = [];
  for (let local = from; local < to; local += HOUR_MS) {
    const date = new Date(local);
    hours.push({
      year: date.getUTCFullYear(),
      month: date.getUTCMonth() + 1,
      day: date.getUTCDate(),
      hour: date.getUTCHours(),
    });
  }
  // What the clock shows in the instant of the change: as it would have gone on, and as it does.
  const [before, after] = direction === 'forward' ? [localFrom, localTo] : [localTo, localFrom];
  return { from, to, start: instant - (before - from), end: instant + (to - after), change: instant, hours };
}

/** The instants of a schedule in a window. */
function instantsIn(schedule: CompiledSchedule, window: Window): number[] {
  const instants: number[] = [];
  for (const instant of iterateOccurrences(schedule, window.start - 1)) {
    if (instant >= window.end) break;
    instants.push(instant);
  }
  return instants;
}

/** A calendar without some hours of some days, as several calendars without any overlap. */
function withoutHours(calendar: Calendar, hours: LocalHour[]): Calendar[] {
  if (hours.length === 0) return [calendar];
  const years = unique(hours.map(({ year }) => year));
  const parts = [narrow(calendar, { year: yearsOf(calendar).filter((year) => !years.includes(year)) })];
  for (const year of years) {
    const ofYear = hours.filter((slot) => slot.year === year);
    const months = unique(ofYear.map(({ month }) => month));
    const inYear = narrow(calendar, { year: [year] });
    parts.push(inYear && narrow(inYear, { month: (value) => !months.includes(value) }));
    for (const month of months) {
      const ofMonth = ofYear.filter((slot) => slot.month === month);
      const days = unique(ofMonth.map(({ day }) => day));
      const inMonth = inYear && narrow(inYear, { month: [month] });
      parts.push(inMonth && narrow(inMonth, { dayOfMonth: (value) => !days.includes(value) }));
      for (const day of days) {
        const gone = ofMonth.filter((slot) => slot.day === day).map(({ hour }) => hour);
        const onDay = inMonth && narrow(inMonth, { dayOfMonth: [day] });
        parts.push(onDay && narrow(onDay, { hour: (value) => !gone.includes(value) }));
      }
    }
  }
  return parts.filter((part) => part !== undefined);
}

const unique = (values: number[]) => [...new Set(values)];
const yearsOf = (calendar: Calendar) =>
  calendar.year ? toValues(calendar.year) : numbers(FIRST_YEAR, LAST_YEAR);

/** A calendar with only those values of some fields that are listed or allowed; undefined if a field has none left. */
function narrow(
  calendar: Calendar,
  to: { [Key in 'year' | 'month' | 'dayOfMonth' | 'hour']?: number[] | ((value: number) => boolean) },
): Calendar | undefined {
  const narrowed = { ...calendar };
  for (const [key, allowed] of Object.entries(to) as [
    'year' | 'month' | 'dayOfMonth' | 'hour',
    number[] | ((value: number) => boolean),
  ][]) {
    const present = key === 'year' ? yearsOf(calendar) : toValues(calendar[key]);
    const left = present.filter((value) =>
      Array.isArray(allowed) ? allowed.includes(value) : allowed(value),
    );
    if (left.length === 0) return undefined;
    narrowed[key] = toRanges(left);
  }
  return narrowed;
}
