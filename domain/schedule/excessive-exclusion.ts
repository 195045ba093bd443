import { LAST_YEAR, toValues, type Calendar } from './calendar.ts';
import { matchersByTimeOfDay, matchesDay, timesADay, type Matcher } from './calendar-search.ts';
import type { CompiledSchedule } from './compile-schedule.ts';
import type { FieldError } from '../errors.ts';
import { DAY_MS } from '../milliseconds.ts';

/** A million takes Temporal's server some seconds. */
const MAX_EXCLUDED = 100_000;
const HOURS = 24;
const END = Date.UTC(LAST_YEAR + 1, 0, 1) / DAY_MS;

/**
 * Finds whether exclusions rule out too much in a row after `now` (milliseconds since the epoch). Temporal's server
 * passes excluded instants one by one, and holds up all schedules of its namespace while it does: so a schedule that
 * fires often may not be excluded for long. Counts day by day what would fire, and looks at whole days alone: less
 * than a day is never too much.
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

/** Tells of a day (since 1970-01-01) whether all of its minutes are excluded; undefined if no day can be. */
function wholeDaysOf(exclude: Calendar[]): ((day: number) => boolean) | undefined {
  const parts = matchersByTimeOfDay(exclude, (calendar) => calendar)
    .map(({ matcher, first }) => ({ matcher, minutes: minutesOf(first) }))
    .filter((part): part is DayPart => part.minutes !== undefined);
  if (!coverDay(parts)) return undefined;
  // Which parts a day has decides it, and most days have the same.
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

/** What an exclusion rules out of a day: of each hour the minutes, as two sets of 30 bits. */
interface DayPart {
  matcher: Matcher;
  minutes: Int32Array;
}

const HALF_HOUR = 0x3fff_ffff;

/** Undefined if it rules out no whole minute. */
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
