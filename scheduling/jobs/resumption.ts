import type { JobRow } from '../../db/schema.ts';
import { lastOfPause } from '../occurrences/pause-log.ts';
import type { JobChange } from './job-change.ts';

/**
 * The change that ends the pause of a job. If the pause was to be over by now, what was due at its end or since is to run,
 * however late that is noticed, unless it is on record as paused. Pure.
 */
export function resumption({ paused_until, accounted_to }: JobRow, now: Date): JobChange {
  const isLate = paused_until !== null && paused_until <= now;
  const since = isLate ? lastOfPause(paused_until) : undefined;
  return {
    action: 'resumed',
    state: 'active',
    ...(since ? { since: since > accounted_to ? since : accounted_to } : {}),
  };
}
