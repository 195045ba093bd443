import { SECOND_MS } from '../../domain/milliseconds.ts';

// When the reconciler checks an open run again.

/** A run in progress is checked again when it is twice as old, but not sooner than this. */
export const SOONEST_CHECK_MS = 15 * SECOND_MS;
/** No open run waits longer than this for its next check. */
export const LATEST_CHECK_MS = 120 * SECOND_MS;
/** An occurrence that waits is checked again when it has waited twice as long, but not sooner than this. */
export const WAIT_MS = 5 * SECOND_MS;
/** An occurrence that waits is checked again within this time. */
export const LONGEST_WAIT_MS = 30 * SECOND_MS;
/** The occurrence that starts next, once the run in progress has ended, is checked this often. */
export const NEXT_CHECK_MS = 1 * SECOND_MS;
