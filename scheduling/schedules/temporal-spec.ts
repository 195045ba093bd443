import {
  FIRST_YEAR,
  LAST_YEAR,
  toRanges,
  toValues,
  type Calendar,
  type Range,
} from '../../domain/schedule/calendar.ts';
import { compileMatcher, countLocal, matchersOf, nextLocal } from '../../domain/schedule/calendar-search.ts';
import type { CompiledSchedule, Interval } from '../../domain/schedule/compile-schedule.ts';
import { isOccurrence, iterateOccurrences, occurrences } from '../../domain/schedule/occurrences.ts';
import { findLocalTime } from '../../domain/schedule/local-time.ts';
import { clockChanges, zoneSegmentAt, type ClockChange } from '../../domain/schedule/time-zone.ts';
import { spellOutDays } from './spell-out-days.ts';
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../domain/milliseconds.ts';

/** Clock changes are spelled out up to the end of this many years after the current one. */
const HORIZON_YEARS = 3;
/** What is spelled out begins this long ago, for a schedule may still start occurrences that it missed. */
const PAST_MS = 2 * DAY_MS;
/** The limit of instants that are spelled out around one clock change. */
const MAX_INSTANTS = 1_500;

/** The parts of a Temporal Schedule's spec. Temporal's server knows no rules for clock changes. */
export interface TemporalSpec {
  calendars: Calendar[];
  intervals: Interval[];
  exclude: Calendar[];
}

/** The last year whose clock changes a spec made at `now` spells out. */
export const horizonOf = (now: number) => new Date(now).getUTCFullYear() + HORIZON_YEARS;

/**
 * Converts a compiled schedule into a spec by which Temporal's server fires at the same instants, up to the
 * horizon. Pure.
 *
 * The server matches local times literally: it skips times that the clocks leave out, fires twice at times
 * that they show twice, and errs where clocks change by other than a whole hour, or at midnight (calendar.go
 * in its source). So a calendar with times in the hours around a change gets these hours removed, and the few
 * instants in them are spelled out, in UTC. Most schedules have no times there, and stay as they are.
 */
export function toTemporalSpec(compiled: CompiledSchedule, now: number): TemporalSpec {
  const schedule = withoutBusinessDays(compiled, now);
  const windows = windowsOf(schedule, now);
  const instants = new Set(schedule.instants);
  const narrow = narrowing();
  const { timeZone } = schedule;
  const calendars = matchersOf(schedule).flatMap(({ matcher, entries }) => {
    const alone = { calendars: entries, intervals: [], instants: [], exclude: [], timeZone };
    const isFew = windows.map(({ from, to }) => countLocal(matcher, from, to) <= MAX_INSTANTS);
    const touched = entries.map(({ calendar }) => {
      // At midnight the server can take the wrong day of the week, so any day counts here.
      const onAnyDay = compileMatcher({ ...calendar, dayOfWeek: EVERY_DAY_OF_WEEK });
      return windows.map(({ from, to }) => nextLocal(onAnyDay, from, to) !== undefined);
    });
    windows.forEach((window, index) => {
      if (!touched.some((ofEntry) => ofEntry[index])) return;
      if (isFew[index]) for (const instant of instantsIn(alone, window)) instants.add(instant);
      // Too many to spell out. But the server does not know a time that was shifted out of a gap, to its end.
      else if (occurrences(alone, window.change - SECOND_MS, 1)[0] === window.change)
        instants.add(window.change);
    });
    return entries.flatMap(({ calendar }, entry) => {
      const removed = windows.filter((_, index) => isFew[index] && touched[entry]?.[index]);
      return withoutHours(
        calendar,
        removed.flatMap(({ hours }) => hours),
        narrow,
      );
    });
  });
  for (const instant of schedule.skipped ?? []) instants.delete(instant);
  const once = [...instants].sort((a, b) => a - b).map(onceAt);
  const exclude = [...schedule.exclude, ...skippedCalendars(schedule)];
  return { calendars, intervals: [...schedule.intervals, ...once], exclude };
}

/**
 * Exclusions of the skipped instants. The server excludes by local time. Where the clocks show one twice, and the other instant
 * is to fire, nothing is excluded: an instant that is not spelled out is then started, and refused by the worker
 * (activities/attempt/refuse-start.ts).
 */
function skippedCalendars(schedule: CompiledSchedule): Calendar[] {
  return (schedule.skipped ?? []).flatMap((instant) => {
    const local = instant + zoneSegmentAt(schedule.timeZone, instant).offset;
    const { shown } = findLocalTime(schedule.timeZone, local);
    const firesAtOther = shown.some((other) => other !== instant && isOccurrence(schedule, other));
    return firesAtOther ? [] : [atLocalTime(local)];
  });
}

/** A calendar that matches a single local time. */
function atLocalTime(local: number): Calendar {
  const date = new Date(local);
  const only = (value: number) => [{ start: value, end: value, step: 1 }];
  return {
    second: only(date.getUTCSeconds()),
    minute: only(date.getUTCMinutes()),
    hour: only(date.getUTCHours()),
    dayOfMonth: only(date.getUTCDate()),
    month: only(date.getUTCMonth() + 1),
    dayOfWeek: EVERY_DAY_OF_WEEK,
    year: only(date.getUTCFullYear()),
  };
}

/** About how many instants the spec of a schedule, made at `now`, spells out; found without making it. Pure. */
export function countSpelledOut(compiled: CompiledSchedule, now: number): number {
  const schedule = withoutBusinessDays(compiled, now);
  const windows = windowsOf(schedule, now);
  const counts = matchersOf(schedule).flatMap(({ matcher }) =>
    windows.map(({ from, to }) => countLocal(matcher, from, to)).filter((count) => count <= MAX_INSTANTS),
  );
  return counts.reduce((sum, count) => sum + count, schedule.instants.length);
}

/** A schedule with its business days spelled out as calendars, up to the horizon; Temporal's server knows none. Pure. */
export const withoutBusinessDays = (schedule: CompiledSchedule, now: number): CompiledSchedule =>
  spellOutDays(schedule, new Date(now - PAST_MS).getUTCFullYear(), horizonOf(now));

const EVERY_DAY_OF_WEEK = [{ start: 0, end: 6, step: 1 }];

/**
 * One instant, as an interval from the epoch to it: independent of time zones, and so of clock changes. It
 * would fire again at twice that distance, in 2083 at the earliest. Long before, the spec has been written
 * again without it. An interval with the instant as its offset would not fire: the server does not search for
 * offsets that lie ahead.
 */
const onceAt = (instant: number): Interval => ({ everyMs: instant, offsetMs: 0 });

interface LocalHour {
  year: number;
  month: number;
  day: number;
  hour: number;
}

/**
 * The local hours around a clock change. The clock shows a time in [from, to) exactly at the instants in
 * [start, end).
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

const windowsOf = ({ timeZone }: CompiledSchedule, now: number) =>
  clockChanges(timeZone, now - PAST_MS, Date.UTC(horizonOf(now) + 1, 0, 1)).map(toWindow);

function toWindow(change: ClockChange): Window {
  const { instant, localFrom, localTo, direction } = change;
  const touchesMidnight =
    Math.floor(localFrom / DAY_MS) !== Math.floor(localTo / DAY_MS) || localFrom % DAY_MS === 0;
  // Where midnight itself is missing or comes twice, whole days are spelled out. Else it is the hours, and
  // one on each side: where the server finds that an hour comes twice, it can mean the hour before.
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
  // What the clock would have shown at the instant of the change, and what it shows.
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

/** A calendar without some hours of some days, as several calendars that do not overlap. */
function withoutHours(calendar: Calendar, hours: LocalHour[], narrow: Narrow): Calendar[] {
  if (hours.length === 0) return [calendar];
  const years = unique(hours.map(({ year }) => year));
  const parts = [narrow(calendar, 'year', 'without', years)];
  for (const year of years) {
    const ofYear = hours.filter((hour) => hour.year === year);
    const months = unique(ofYear.map(({ month }) => month));
    const inYear = narrow(calendar, 'year', 'only', [year]);
    parts.push(narrow(inYear, 'month', 'without', months));
    for (const month of months) {
      const ofMonth = ofYear.filter((hour) => hour.month === month);
      const days = unique(ofMonth.map(({ day }) => day));
      const inMonth = narrow(inYear, 'month', 'only', [month]);
      parts.push(narrow(inMonth, 'dayOfMonth', 'without', days));
      for (const day of days) {
        const gone = ofMonth.filter((hour) => hour.day === day).map(({ hour }) => hour);
        parts.push(narrow(narrow(inMonth, 'dayOfMonth', 'only', [day]), 'hour', 'without', gone));
      }
    }
  }
  return parts.filter((part) => part !== undefined);
}

const unique = (values: number[]) => [...new Set(values)];

/** A calendar with only some values of a field, or without them; undefined if the field has none left. */
type Narrow = (
  calendar: Calendar | undefined,
  field: 'year' | 'month' | 'dayOfMonth' | 'hour',
  how: 'only' | 'without',
  values: number[],
) => Calendar | undefined;

const EVERY_YEAR = [{ start: FIRST_YEAR, end: LAST_YEAR, step: 1 }];

/** Narrows calendars, and keeps the results: hundreds of calendars are narrowed around the same few clock changes. */
function narrowing(): Narrow {
  const known = new Map<string, Range[]>();
  return (calendar, field, how, values) => {
    if (!calendar) return undefined;
    const ranges = calendar[field] ?? EVERY_YEAR;
    const key = JSON.stringify([ranges, how, values]);
    let left = known.get(key);
    if (!left) {
      left = toRanges(toValues(ranges).filter((value) => values.includes(value) === (how === 'only')));
      known.set(key, left);
    }
    return left.length === 0 ? undefined : { ...calendar, [field]: left };
  };
}
