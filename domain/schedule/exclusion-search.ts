import type { Calendar, Range } from './calendar.ts';
import { matchersByTimeOfDay, matchesDay, matchesTimeOfDay } from './calendar-search.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../milliseconds.ts';

/**
 * Makes exclusions ready for searching: the function tells until when a local time is excluded, undefined if it is not.
 * What rules out a whole minute, hour or several days is passed in one step, but never past `limit`. Local times are
 * written as the UTC milliseconds of the same clock reading. It is quick for times that ascend.
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

/** The longest stretch of the clock that a calendar matches wholly whenever it matches in it. */
function unitOf({ second, minute, hour }: Calendar): number {
  if (!isFull(second, 60)) return SECOND_MS;
  if (!isFull(minute, 60)) return MINUTE_MS;
  return isFull(hour, 24) ? DAY_MS : HOUR_MS;
}

const isFull = ([first]: Range[], count: number) =>
  first?.start === 0 && first.end === count - 1 && first.step === 1;
