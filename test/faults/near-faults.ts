import type { FaultRecord } from './log.ts';

/** How late a call may be without faults, in milliseconds, on two slow cores. */
export const ON_TIME_MS = 5_000;
/** The time in milliseconds in which the service must recover from a fault and make all calls that are due. */
export const RECOVERY_MS = 30_000;

/** Returns whether a fault was in progress, or just over, at some moment from `from` to `until`. */
export function faultBetween(faults: readonly FaultRecord[], from: number, until: number): boolean {
  return faults.some(({ startedAt, endedAt }) => startedAt <= until && endedAt >= from);
}

/**
 * The time until which an occurrence that is due at `instant` may be called without being late: soon after `instant`, or
 * after the end of the last fault in between. A fault during the recovery from another one extends it.
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
