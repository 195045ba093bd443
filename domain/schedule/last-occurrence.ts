import type { CompiledSchedule } from './compile-schedule.ts';
import { iterateOccurrences } from './occurrences.ts';
import { HOUR_MS } from '../milliseconds.ts';

/** The last instant (milliseconds since the epoch) after `after` at which a schedule fires; undefined if it has no end, or none. */
export function lastOccurrence(schedule: CompiledSchedule, after: number): number | undefined {
  const endless =
    schedule.endAt === undefined && (schedule.calendars.length > 0 || schedule.intervals.length > 0);
  if (endless) return undefined;
  const end = schedule.endAt ?? Math.max(...schedule.instants);
  // Looks back from the end, further each time, so that a schedule of many occurrences is not counted through.
  for (let back = HOUR_MS; ; back *= 4) {
    const from = Math.max(after, end - back);
    let last: number | undefined;
    for (const instant of iterateOccurrences(schedule, from)) last = instant;
    if (last !== undefined || from === after) return last;
  }
}
