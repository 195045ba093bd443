import { formatDuration } from '../duration.ts';
import { SECOND_MS } from '../milliseconds.ts';

/** When the `timeout` of a job ends one of its runs. */
export interface RunDeadline {
  at: Date;
  /** The `timeout`, for words. */
  timeoutMs: number;
}

/**
 * A run ends itself at its deadline. Temporal ends its workflow so much later, if no worker has: a worker that died is
 * noticed within the heartbeat timeout, and another one still ends the run in good order.
 */
const GRACE_MS = 30 * SECOND_MS;

/** Temporal's timeout for the workflow of a run that has so long. Pure. */
export const workflowTimeoutMs = (timeoutMs: number) => timeoutMs + GRACE_MS;

/** Why a run ended that its deadline ended. Pure. */
export const describeTimeout = ({ timeoutMs }: Pick<RunDeadline, 'timeoutMs'>) =>
  `it took longer than its timeout of ${formatDuration(timeoutMs)}`;

/** What is wrong with a step that would come so much later, after the deadline. Pure. */
export const describeTooLate = (what: string, waitMs: number, { timeoutMs }: RunDeadline) =>
  `${what}, ${formatDuration(Math.round(waitMs))} later, would come after the timeout of the run, ${formatDuration(timeoutMs)}`;
