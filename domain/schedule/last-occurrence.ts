import type { CompiledSchedule } from './compile-schedule.ts';
import { iterateOccurrences } from './occurrences.ts';
import { HOUR_MS } from '../milliseconds.ts';

/** The last occurrence after `after`, in milliseconds since the epoch; undefined if the schedule has no end or no occurrence. */
export function lastOccurrence(schedule: CompiledSchedule, after: number): number | undefined {
  const endless =
    schedule.endAt === undefined && (schedule.calendars.length > 0 || schedule.intervals.length > 0);
  if (endless) return undefined;
  const end = schedule.endAt ?? Math.max(...schedule.instants);
  // Searches backwards from the end in growing steps, so that it does not iterate over all occurrences.
  for (let back = HOUR_MS; ; back *= 4) {
    const from = Math.max(after, end - back);
    let last: number | undefined;
    for (const instant of iterateOccurrences(schedule, from)) last = instant;
    if (last !== undefined || from === after) return last;
  }
}
