import { LAST_YEAR, toValues, type Calendar } from './calendar.ts';
import { zoneSegmentAt } from './time-zone.ts';

/** A fixed distance between occurrences: every instant that is a multiple of `everyMs` since the epoch, plus `offsetMs`. */
interface Interval {
  everyMs: number;
  offsetMs: number;
}

/** A schedule in the only two forms that Temporal needs: calendars in one time zone, and intervals. Plain data. */
export interface CompiledSchedule {
  calendars: Calendar[];
  intervals: Interval[];
  timeZone: string;
  /** Milliseconds since the epoch, inclusive. */
  startAt?: number;
  /** Milliseconds since the epoch, inclusive. */
  endAt?: number;
}

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;

/**
 * The first `limit` instants (milliseconds since the epoch, ascending, each once) after `after` at which a schedule
 * fires. The instant `after` itself is not among them. Pure: the same input gives the same instants, as long as the
 * time-zone data is the same.
 */
export function occurrences(schedule: CompiledSchedule, after: number, limit: number): number[] {
  const matchers = schedule.calendars.map(compileMatcher);
  const instants: number[] = [];
  const lastInstant = Math.min(schedule.endAt ?? Infinity, Date.UTC(LAST_YEAR + 1, 0, 1) - 1);
  let from =
    Math.floor(Math.max(after, (schedule.startAt ?? -Infinity) - 1) / SECOND_MS) * SECOND_MS + SECOND_MS;
  while (instants.length < limit) {
    const next = Math.min(
      ...matchers.map((matcher) => nextInCalendar(matcher, schedule.timeZone, from)),
      ...schedule.intervals.map((interval) => nextInInterval(interval, from)),
    );
    if (next > lastInstant) break;
    instants.push(next);
    from = next + SECOND_MS;
  }
  return instants;
}

function nextInInterval({ everyMs, offsetMs }: Interval, from: number): number {
  return Math.ceil((from - offsetMs) / everyMs) * everyMs + offsetMs;
}

/**
 * The first instant from `from` on whose local time matches; Infinity if there is none.
 * Between two changes of a zone's offset, local time runs evenly: so each stretch is searched as if it were UTC. A
 * local time that a change leaves out lies in no stretch, and one that it repeats lies in two.
 */
function nextInCalendar(matcher: Matcher, timeZone: string, from: number): number {
  let instant = from;
  while (Number.isFinite(instant)) {
    const segment = zoneSegmentAt(timeZone, instant);
    const local = nextLocal(matcher, instant + segment.offset, segment.end + segment.offset);
    if (local !== undefined) return local - segment.offset;
    if (segment.end > Date.UTC(LAST_YEAR + 1, 0, 2)) return Infinity;
    instant = segment.end;
  }
  return Infinity;
}

interface Matcher {
  /** Ascending. */
  seconds: number[];
  minutes: number[];
  hours: number[];
  daysOfMonth: Set<number>;
  months: Set<number>;
  daysOfWeek: Set<number>;
  years: Set<number> | undefined;
}

function compileMatcher(calendar: Calendar): Matcher {
  return {
    seconds: toValues(calendar.second),
    minutes: toValues(calendar.minute),
    hours: toValues(calendar.hour),
    daysOfMonth: new Set(toValues(calendar.dayOfMonth)),
    months: new Set(toValues(calendar.month)),
    daysOfWeek: new Set(toValues(calendar.dayOfWeek)),
    years: calendar.year && new Set(toValues(calendar.year)),
  };
}

/** The first matching local time in [from, end), both written as the UTC milliseconds of the same clock reading. */
function nextLocal(matcher: Matcher, from: number, end: number): number | undefined {
  const limit = Math.min(end, Date.UTC(LAST_YEAR + 1, 0, 1));
  let local = from;
  while (local < limit) {
    const date = new Date(local);
    const year = date.getUTCFullYear();
    if (matcher.years && !matcher.years.has(year)) {
      local = Date.UTC(year + 1, 0, 1);
    } else if (!matcher.months.has(date.getUTCMonth() + 1)) {
      local = Date.UTC(year, date.getUTCMonth() + 1, 1);
    } else {
      const startOfDay = Math.floor(local / DAY_MS) * DAY_MS;
      if (matcher.daysOfMonth.has(date.getUTCDate()) && matcher.daysOfWeek.has(date.getUTCDay())) {
        const time = nextTimeOfDay(matcher, (local - startOfDay) / SECOND_MS);
        if (time !== undefined) {
          const found = startOfDay + time * SECOND_MS;
          return found < limit ? found : undefined;
        }
      }
      local = startOfDay + DAY_MS;
    }
  }
  return undefined;
}

/** The first matching second of the day from `from` on (0–86,399); undefined if the day has none left. */
function nextTimeOfDay({ hours, minutes, seconds }: Matcher, from: number): number | undefined {
  const fromHour = Math.floor(from / 3_600);
  const fromMinute = Math.floor((from % 3_600) / 60);
  for (const hour of hours) {
    if (hour < fromHour) continue;
    for (const minute of minutes) {
      if (hour === fromHour && minute < fromMinute) continue;
      const minuteStart = hour * 3_600 + minute * 60;
      const second = seconds.find((value) => minuteStart + value >= from);
      if (second !== undefined) return minuteStart + second;
    }
  }
  return undefined;
}
