import { invalid } from '../domain/errors.ts';
import { SECOND_MS } from '../domain/milliseconds.ts';
import { findNeverFiring } from '../domain/never-firing.ts';
import type { Schedule } from '../domain/schedule.ts';
import { shortestInterval } from '../domain/shortest-interval.ts';
import type { ApiDependencies } from './operation.ts';

/**
 * Refuses a schedule that never fires after `now` (milliseconds since the epoch), or more often than this installation
 * allows. `before` is the schedule that it replaces.
 * @throws SchedulerError `invalid`
 */
export function requireFitSchedule(
  schedule: Schedule,
  now: number,
  { limits }: Pick<ApiDependencies, 'limits'>,
  before?: Schedule,
): void {
  const faults = findNeverFiring(schedule, now, before);
  if (faults.length > 0) throw invalid(faults);
  const shortest = shortestInterval(schedule, now);
  if (shortest >= limits.minIntervalMs) return;
  const message = `two of its occurrences are ${shortest / SECOND_MS} s apart; here, a job may fire every ${limits.minIntervalMs / SECOND_MS} s at most`;
  throw invalid([{ path: 'schedule', code: 'too_often', message }]);
}
