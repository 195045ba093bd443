import { dateOf, isWorkingDay } from '../business-calendar/working-days.ts';
import { matchersOf, matchesDay, matchesTimeOfDay } from './calendar-search.ts';
import type { CompiledSchedule } from './compile-schedule.ts';
import { DAY_MS, SECOND_MS } from '../milliseconds.ts';
import type { StoredSchedule } from './schedule.ts';
import { zoneSegmentAt } from './time-zone.ts';

/** No occurrence is moved over more days than these. */
const MAX_DAYS = 731;

/** Tells whether the business days of a schedule move occurrences, rather than leave them out. Pure. */
export const movesDays = (schedule: StoredSchedule): boolean =>
  'businessDays' in schedule &&
  schedule.businessDays !== undefined &&
  schedule.businessDays.otherwise !== 'skip';

/**
 * Returns a function that tells from which dates, ascending, an occurrence was moved to its working day; an instant in milliseconds
 * since the epoch. Empty if it was not moved. Pure.
 */
export function prepareMovedFrom(schedule: CompiledSchedule): (instant: number) => string[] {
  const { businessDays, timeZone } = schedule;
  if (!businessDays || businessDays.otherwise === 'skip') return () => [];
  const isWorking = isWorkingDay(businessDays.days);
  const named = matchersOf(schedule, { isMoved: false });
  const step = businessDays.otherwise === 'next' ? -1 : 1;
  return (instant) => {
    const local = instant + zoneSegmentAt(timeZone, instant).offset;
    const today = Math.floor(local / DAY_MS);
    const time = (local - today * DAY_MS) / SECOND_MS;
    const matchers = named.filter(({ matcher }) => matchesTimeOfDay(matcher, time));
    const from: number[] = [];
    for (let day = today + step; Math.abs(day - today) <= MAX_DAYS && !isWorking(day); day += step)
      if (matchers.some(({ matcher }) => matchesDay(matcher, day))) from.push(day);
    return from.sort((a, b) => a - b).map(dateOf);
  };
}
