import { isDeepStrictEqual } from 'node:util';
import type { JobRow } from '../../db/schema.ts';
import { compileSchedule, type CompiledSchedule } from '../../domain/schedule/compile-schedule.ts';
import { lastOccurrence } from '../../domain/schedule/last-occurrence.ts';
import type { StoredSchedule } from '../../domain/schedule/schedule.ts';
import { includingSkipped, skipsIn, skipsThatHold, withSkips } from '../../domain/schedule/skips.ts';
import type { JobChange } from './job-change.ts';

/**
 * The schedule of a job after a change that is in force `since`. A new schedule keeps the skips whose instants are its
 * occurrences, too. Pure.
 */
export function scheduleAfter(
  { schedule }: Pick<JobRow, 'schedule'>,
  { definition, skips }: Pick<JobChange, 'definition' | 'skips'>,
  since: Date,
): StoredSchedule {
  if (skips) return withSkips(schedule, skips);
  if (!definition || isDeepStrictEqual(definition.schedule, schedule)) return schedule;
  const pending = skipsIn(schedule, since.getTime());
  if (pending.length === 0) return withSkips(definition.schedule, []);
  const kept = skipsThatHold(pending, compileSchedule(definition.schedule), since.getTime());
  return withSkips(definition.schedule, kept);
}

/** When a schedule has its last occurrence after `now`; null: never, or it has none. Pure. */
export function finishesAt(compiled: CompiledSchedule, now: Date): Date | null {
  // A job waits for its last occurrence also if that is skipped: it may yet be asked back.
  const last = lastOccurrence(includingSkipped(compiled), now.getTime());
  return last === undefined ? null : new Date(last);
}
