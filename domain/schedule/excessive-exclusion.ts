import { LAST_YEAR, toValues, type Calendar } from './calendar.ts';
import { matchersByTimeOfDay, matchesDay, timesADay, type Matcher } from './calendar-search.ts';
import type { CompiledSchedule } from './compile-schedule.ts';
import type { FieldError } from '../errors.ts';
import { DAY_MS } from '../milliseconds.ts';

/** Temporal's server needs some seconds to pass over a million. */
const MAX_EXCLUDED = 100_000;
const HOURS = 24;
const END = Date.UTC(LAST_YEAR + 1, 0, 1) / DAY_MS;

/**
 * Finds out whether exclusions rule out too many occurrences in a row after `now` (milliseconds since the epoch).
 * Temporal's server passes over excluded instants one by one, and meanwhile delays every schedule of its namespace. So a
 * frequent schedule must not be excluded for long. Only whole days count: less than a day is never too much. Pure.
 */
export function findExcessiveExclusion(
  { calendars, intervals, exclude }: CompiledSchedule,
  now: number,
): FieldError[] {
  const isExcluded = wholeDaysOf(exclude);
  if (!isExcluded) return [];
  const perDay = intervals.reduce((sum, { everyMs }) => sum + DAY_MS / everyMs, 0);
  const groups = matchersByTimeOfDay(calendars, ({ calendar }) => calendar).map(({ matcher }) => ({
    matcher,
    times: timesADay(matcher),
  }));
  let inARow = 0;
  for (let day = Math.floor(now / DAY_MS); day < END; day++) {
    if (!isExcluded(day)) {
      inARow = 0;
      continue;
    }
    inARow += perDay;
    for (const { matcher, times } of groups) if (matchesDay(matcher, day)) inARow += times;
    if (inARow <= MAX_EXCLUDED) continue;
    const message = `rules out more than ${MAX_EXCLUDED} occurrences in a row; use startAt, endAt or a pause, or let it fire less often`;
    return [{ path: 'schedule.exclude', code: 'excludes_too_much', message }];
  }
  return [];
}

/** Returns a test whether a day (since 1970-01-01) is wholly excluded; undefined if no day can be. */
function wholeDaysOf(exclude: Calendar[]): ((day: number) => boolean) | undefined {
  const parts = matchersByTimeOfDay(exclude, (calendar) => calendar)
    .map(({ matcher, first }) => ({ matcher, minutes: minutesOf(first) }))
    .filter((part): part is DayPart => part.minutes !== undefined);
  if (!coverDay(parts)) return undefined;
  // The result depends only on which parts match a day, and most days have the same parts.
  const known = new Map<number, boolean>();
  return (day) => {
    let key = 0;
    const ofDay = parts.filter(({ matcher }, index) => {
      if (!matchesDay(matcher, day)) return false;
      key += 2 ** index;
      return true;
    });
    let covered = known.get(key);
    if (covered === undefined) known.set(key, (covered = coverDay(ofDay)));
    return covered;
  };
}

/** The minutes of a day that an exclusion rules out: two sets of 30 bits for each hour. */
interface DayPart {
  matcher: Matcher;
  minutes: Int32Array;
}

const HALF_HOUR = 0x3fff_ffff;

/** The whole minutes that a calendar matches; undefined if it matches no whole minute. */
function minutesOf({ second, minute, hour }: Calendar): Int32Array | undefined {
  if (toValues(second).length < 60) return undefined;
  const minutes = new Int32Array(2 * HOURS);
  const halves: [number, number] = [0, 0];
  for (const value of toValues(minute)) halves[value < 30 ? 0 : 1] |= 1 << (value % 30);
  for (const value of toValues(hour)) minutes.set(halves, 2 * value);
  return minutes;
}

function coverDay(parts: DayPart[]): boolean {
  for (let half = 0; half < 2 * HOURS; half++) {
    let covered = 0;
    for (const { minutes } of parts) covered |= minutes[half] as number;
    if (covered !== HALF_HOUR) return false;
  }
  return true;
}
