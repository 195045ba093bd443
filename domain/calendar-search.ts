import { LAST_YEAR, toValues, type Calendar } from './calendar.ts';
import { DAY_MS, SECOND_MS } from './milliseconds.ts';

/** A calendar made ready for searching. */
export interface Matcher {
  /** Ascending. */
  seconds: number[];
  minutes: number[];
  hours: number[];
  daysOfMonth: Set<number>;
  months: Set<number>;
  daysOfWeek: Set<number>;
  /** Undefined: every year. */
  years: Set<number> | undefined;
}

export function compileMatcher(calendar: Calendar): Matcher {
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

/** The first matching local time in [from, end), all written as the UTC milliseconds of the same clock reading. */
export function nextLocal(matcher: Matcher, from: number, end: number): number | undefined {
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

/** Tells whether a local time matches. */
export function matchesLocal(matcher: Matcher, local: number): boolean {
  return nextLocal(matcher, local, local + SECOND_MS) === local;
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
