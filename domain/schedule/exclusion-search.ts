import type { Calendar, Range } from './calendar.ts';
import { matchersByTimeOfDay, matchesDay, matchesTimeOfDay } from './calendar-search.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../milliseconds.ts';

/**
 * Compiles exclusions for searching. The returned function gives the end of the exclusion that covers a local time, at
 * most `limit`; undefined if the time is not excluded. Excluded minutes, hours and days are passed over in one step. Local
 * times are the UTC milliseconds of the same clock reading. The function is fastest when times ascend.
 */
export function prepareExclusions(
  exclude: readonly Calendar[],
): (local: number, limit: number) => number | undefined {
  const all = matchersByTimeOfDay(exclude, (calendar) => calendar)
    .map(({ matcher, first }) => ({ matcher, unitMs: unitOf(first) }))
    .sort((a, b) => b.unitMs - a.unitMs);
  let today = NaN;
  let ofToday = all;
  return (local, limit) => {
    const day = Math.floor(local / DAY_MS);
    if (day !== today) {
      today = day;
      ofToday = all.filter(({ matcher }) => matchesDay(matcher, day));
    }
    const time = (local - day * DAY_MS) / SECOND_MS;
    const found = ofToday.find(({ matcher }) => matchesTimeOfDay(matcher, time));
    if (!found) return undefined;
    const { matcher, unitMs } = found;
    if (unitMs < DAY_MS) return Math.min(Math.floor(local / unitMs) * unitMs + unitMs, limit);
    let end = day + 1;
    while (end * DAY_MS < limit && matchesDay(matcher, end)) end++;
    return Math.min(end * DAY_MS, limit);
  };
}

/** The largest unit (day, hour, minute or second, in milliseconds) that a calendar matches wholly or not at all. */
function unitOf({ second, minute, hour }: Calendar): number {
  if (!isFull(second, 60)) return SECOND_MS;
  if (!isFull(minute, 60)) return MINUTE_MS;
  return isFull(hour, 24) ? DAY_MS : HOUR_MS;
}

const isFull = ([first]: Range[], count: number) =>
  first?.start === 0 && first.end === count - 1 && first.step === 1;
