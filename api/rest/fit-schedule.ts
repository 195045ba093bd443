import { compileSchedule, type CompiledSchedule } from '../../domain/schedule/compile-schedule.ts';
import { invalid } from '../../domain/errors.ts';
import { durationMs, formatDuration } from '../../domain/duration.ts';
import type { JobInput } from '../../domain/job/job.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import { checkWillFire } from '../../domain/schedule/check-will-fire.ts';
import type { Schedule } from '../../domain/schedule/schedule.ts';
import { shortestInterval } from '../../domain/schedule/shortest-interval.ts';
import { findTooComplex } from '../../scheduling/schedules/spec-size.ts';
import type { ApiDependencies } from './operation.ts';

/**
 * Compiles a schedule. Refuses one that is too large for a Temporal Schedule, never fires after `now` (milliseconds since the
 * epoch), or fires more often than this installation allows. `before` is the schedule that it replaces.
 * @throws SchedulerError `invalid`
 */
export function requireFitSchedule(
  schedule: Schedule,
  now: number,
  { limits }: Pick<ApiDependencies, 'limits'>,
  before?: Schedule,
): CompiledSchedule {
  const compiled = compileSchedule(schedule);
  const tooComplex = findTooComplex(compiled, now);
  if (tooComplex.length > 0) throw invalid(tooComplex);
  const faults = checkWillFire(schedule, now, before, compiled);
  if (faults.length > 0) throw invalid(faults);
  const shortest = shortestInterval(compiled, now);
  if (shortest >= limits.minIntervalMs) return compiled;
  const message = `two of its occurrences are ${shortest / SECOND_MS} s apart; this installation allows one every ${limits.minIntervalMs / SECOND_MS} s`;
  throw invalid([{ path: 'schedule', code: 'too_often', message }]);
}

/**
 * Refuses an `onLate.startWithin` that is longer than the time between two occurrences: the next one would be due before the
 * last one is late.
 * @throws SchedulerError `invalid`
 */
export function requireFitStartWithin(
  onLate: JobInput['onLate'],
  schedule: Schedule,
  now: number,
  compiled: CompiledSchedule = compileSchedule(schedule),
): void {
  if (onLate?.startWithin === undefined) return;
  const shortest = shortestInterval(compiled, now);
  if (durationMs(onLate.startWithin) <= shortest) return;
  const message = `is longer than the shortest time between two occurrences, ${formatDuration(shortest)}; choose at most that, or leave it out and use finishWithin or noSuccessFor`;
  throw invalid([{ path: 'onLate.startWithin', code: 'longer_than_interval', message }]);
}
