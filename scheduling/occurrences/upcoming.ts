import type { JobRow } from '../../db/schema.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import type { Recurrence } from '../../domain/schedule/recurrence.ts';
import { occurrences } from '../../domain/schedule/occurrences.ts';

/**
 * The next instants at which a job fires after an instant, `maxRuns` respected, of which it has had `scheduledRuns`; none if
 * it is not active. Pure.
 */
export function upcomingOf(
  { schedule, state }: Pick<JobRow, 'schedule' | 'state'>,
  scheduledRuns: number,
  after: number,
  limit: number,
  compiled: Recurrence = compileSchedule(schedule),
): number[] {
  if (state !== 'active') return [];
  const left = (schedule.maxRuns ?? Infinity) - scheduledRuns;
  return occurrences(compiled, after, Math.max(0, Math.min(limit, left)));
}
