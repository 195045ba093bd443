import type { FaultRecord } from './log.ts';

/** So soon after its nominal time an occurrence is called when all is well, with two slow cores under everything. */
export const ON_TIME_MS = 5_000;
/** So soon after a fault the service has to be well again, and what fell due meanwhile has to be called. */
export const RECOVERY_MS = 30_000;

/** Tells whether a fault was under way, or just over, at some moment from `from` to `until`. */
export function faultBetween(faults: readonly FaultRecord[], from: number, until: number): boolean {
  return faults.some(({ startedAt, endedAt }) => startedAt <= until && endedAt >= from);
}

/**
 * Until when an occurrence that is due at `instant` may be called without being late: at once, or soon after the end of
 * the last fault that came between. A fault that comes while the service recovers from another one puts it off again.
 * `faults` are in the order of their start.
 */
export function lateAfter(faults: readonly FaultRecord[], instant: number): number {
  let deadline = instant + ON_TIME_MS;
  for (const { startedAt, endedAt } of faults) {
    if (startedAt > deadline) break;
    if (endedAt + RECOVERY_MS >= instant) deadline = Math.max(deadline, endedAt + RECOVERY_MS);
  }
  return deadline;
}
