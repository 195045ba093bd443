import { formatDuration } from '../duration.ts';
import { SECOND_MS } from '../milliseconds.ts';

/** When a run ends because of its job's `timeout`. */
export interface RunDeadline {
  at: Date;
  /** The `timeout`, for messages. */
  timeoutMs: number;
}

/**
 * A run ends itself at its deadline. If it has not, Temporal ends its workflow this much later. A worker that died is
 * noticed within the heartbeat timeout, so another worker can still end and record the run before that.
 */
const GRACE_MS = 30 * SECOND_MS;

/** Temporal's timeout for the workflow of a run with this `timeout`. Pure. */
export const workflowTimeoutMs = (timeoutMs: number) => timeoutMs + GRACE_MS;

/** The reason of a run that its deadline ended. Pure. */
export const describeTimeout = ({ timeoutMs }: Pick<RunDeadline, 'timeoutMs'>) =>
  `it took longer than its timeout of ${formatDuration(timeoutMs)}`;

/** Says that a step after a wait of `waitMs` would come after the deadline. Pure. */
export const describeTooLate = (what: string, waitMs: number, { timeoutMs }: RunDeadline) =>
  `${what}, ${formatDuration(Math.round(waitMs))} later, would come after the timeout of the run, ${formatDuration(timeoutMs)}`;
