import { resolveInstants, toArray } from './compile-schedule.ts';
import type { FieldError } from '../errors.ts';
import { isLocalTime, toInstant } from '../instant.ts';
import type { AtSchedule, Schedule } from './schedule.ts';

/**
 * The entries of an `at` that are in the past, or that fall into a gap of the clocks and are skipped. An entry that was
 * already part of the previous schedule, `before`, is no error: a job whose first instant has passed can still be changed.
 */
export function findPastInstants(schedule: AtSchedule, now: number, before?: Schedule): FieldError[] {
  const passed = new Set<number>();
  const passedTexts = new Set<string>();
  for (const entry of before && 'at' in before ? toArray(before.at) : []) {
    const instants = resolveInstants(before as AtSchedule, [entry]);
    for (const instant of instants) passed.add(instant);
    if (instants.every((instant) => instant <= now)) passedTexts.add(entry);
  }
  return toArray(schedule.at).flatMap((entry, index) => {
    const path = Array.isArray(schedule.at) ? `schedule.at[${index}]` : 'schedule.at';
    const instants = resolveInstants(schedule, [entry]);
    if (instants.length === 0) {
      const message = `the clocks of ${schedule.timeZone} leave out ${entry}, and dst.gap "skip" fires nothing then`;
      return passedTexts.has(entry) ? [] : [{ path, code: 'never_fires', message }];
    }
    const isNew = instants.some((instant) => !passed.has(instant)) && !passedTexts.has(entry);
    if (!isNew || instants.some((instant) => instant > now)) return [];
    const zone = isLocalTime(entry) ? ` (${schedule.timeZone})` : '';
    const message = `${entry}${zone} is in the past; it is now ${toInstant(now)}`;
    return [{ path, code: 'in_the_past', message }];
  });
}
