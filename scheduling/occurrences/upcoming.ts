import type { JobRow } from '../../db/schema.ts';
import { compileSchedule, type CompiledSchedule } from '../../domain/schedule/compile-schedule.ts';
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
  compiled: CompiledSchedule = compileSchedule(schedule),
): number[] {
  if (state !== 'active') return [];
  const left = (schedule.maxRuns ?? Infinity) - scheduledRuns;
  return occurrences(compiled, after, Math.max(0, Math.min(limit, left)));
}
