import type { JobRow } from '../../db/schema.ts';
import { compileSchedule, type CompiledSchedule } from '../../domain/schedule/compile-schedule.ts';
import { occurrences } from '../../domain/schedule/occurrences.ts';

/**
 * The next occurrences of a job after an instant, at most `limit` and at most as many as `maxRuns` leaves after
 * `scheduledRuns` of them; none if the job is not active. In milliseconds since the epoch. Pure.
 */
export function upcomingOf(
  { schedule, state }: Pick<JobRow, 'schedule' | 'state'>,
  scheduledRuns: number,
  after: number,
  limit: number,
  compiled: CompiledSchedule = compileSchedule(schedule),
): number[] {
  if (state !== 'active') return [];
  const left = (schedule.maxRuns ?? Infinity) - scheduledRuns;
  return occurrences(compiled, after, Math.max(0, Math.min(limit, left)));
}
