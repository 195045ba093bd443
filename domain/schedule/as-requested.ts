import type { Schedule, StoredSchedule } from './schedule.ts';

/** A stored schedule as a request gives it: without the working days of its calendar and without skips. Pure. */
export function asRequested({ skips: _skips, ...schedule }: StoredSchedule): Schedule {
  if (!('businessDays' in schedule) || !schedule.businessDays) return schedule;
  const { calendar, otherwise } = schedule.businessDays;
  return { ...schedule, businessDays: { calendar, otherwise } } as Schedule;
}
