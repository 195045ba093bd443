import type { JobRow } from '../../db/schema.ts';
import { lastOfPause } from '../occurrences/pause-log.ts';
import type { JobChange } from './job-change.ts';

const hasPassed = (until: Date | null, now: Date): until is Date => until !== null && until <= now;

/** Tells whether a job is paused and its pause was to be over by now. Pure. */
export const isPauseOver = (
  { state, paused_until }: Pick<JobRow, 'state' | 'paused_until'>,
  now: Date,
): boolean => state === 'paused' && hasPassed(paused_until, now);

/**
 * The change that ends the pause of a job. If `pause.until` has passed, occurrences from that time on are to
 * run, however late the end is noticed, unless they are recorded as paused. Pure.
 */
export function resumption({ paused_until, accounted_to }: JobRow, now: Date): JobChange {
  const since = hasPassed(paused_until, now) ? lastOfPause(paused_until) : undefined;
  return {
    action: 'resumed',
    state: 'active',
    ...(since ? { since: since > accounted_to ? since : accounted_to } : {}),
  };
}
