import type { FaultRecord, JobTraits, RunRecord } from './log.ts';

/** How late a call may be without faults, in milliseconds, on two slow cores. */
export const ON_TIME_MS = 5_000;
/** The time in milliseconds in which the service must recover from a fault and make all calls that are due. */
export const RECOVERY_MS = 30_000;

/** How early a call may be, in milliseconds. */
const EARLY_MS = 1_000;

/** Returns whether a fault was in progress, or just over, at some moment from `from` to `until`. */
export function faultBetween(faults: readonly FaultRecord[], from: number, until: number): boolean {
  return faults.some(({ startedAt, endedAt }) => startedAt <= until && endedAt >= from);
}

/** Whether a fault may have kept the calls of a run from its target, so that it failed. Most runs are patient. */
export function failedNearFault(
  faults: readonly FaultRecord[],
  { maxAttempts }: JobTraits,
  { state, reasonCode, scheduledAt, endedAt }: RunRecord,
): boolean {
  if (state !== 'failed' || reasonCode !== 'attemptFailed' || maxAttempts > 2) return false;
  return faultBetween(faults, scheduledAt - ON_TIME_MS, endedAt ?? Infinity);
}

/** Whether a fault may have kept a run that could begin at `since` from its call until it timed out. */
export function timedOutNearFault(
  faults: readonly FaultRecord[],
  traits: JobTraits | undefined,
  { state, endedAt }: RunRecord,
  since: number,
): boolean {
  if (state !== 'timedOut' || traits?.timeoutMs === undefined) return false;
  return faultBetween(faults, since - RECOVERY_MS, endedAt ?? since);
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

/** Whether the record of an occurrence, or what came of it, may be lost: with another record, it may have run again. */
export function mayBeLost(faults: readonly FaultRecord[], instant: number): boolean {
  return faults.some(({ effect, endedAt }) => {
    const since = effect?.losesSince;
    return since !== undefined && since - RECOVERY_MS <= instant && instant <= endedAt;
  });
}

/** Whether a workflow may be one of a job whose creation is lost: it starts until the sweep deletes its Temporal Schedule. */
export function mayLackItsJob(faults: readonly FaultRecord[], startedAt: number): boolean {
  return faults.some(
    ({ effect, ...fault }) =>
      effect?.losesSince !== undefined &&
      fault.startedAt <= startedAt &&
      startedAt <= fault.endedAt + RECOVERY_MS,
  );
}

/** By how many milliseconds the clock of a process may have been off at some moment from `from` to `until`. */
export function clockOffBetween(faults: readonly FaultRecord[], from: number, until: number): number {
  const offs = faults.map(({ effect, startedAt, endedAt }) => {
    const offMs = Math.abs(effect?.clockOffMs ?? 0);
    return startedAt - offMs <= until && from <= endedAt + offMs ? offMs : 0;
  });
  return Math.max(0, ...offs);
}

/** Whether somebody has changed the Temporal Schedule of a job, so that Temporal may start runs that are not due. */
export function mayBeTampered(faults: readonly FaultRecord[], job: string, instant: number): boolean {
  return faults.some(
    ({ effect, startedAt, endedAt }) =>
      effect?.tampered?.includes(job) === true &&
      startedAt - ON_TIME_MS <= instant &&
      instant <= endedAt + RECOVERY_MS,
  );
}

/** How much earlier than its time an occurrence may be called: by as much as a clock was ahead. */
export function mayBeEarlyBy(faults: readonly FaultRecord[], instant: number): number {
  const ahead = faults.map(({ effect, startedAt, endedAt }) => {
    const offMs = Math.max(0, effect?.clockOffMs ?? 0);
    return startedAt - ON_TIME_MS <= instant && instant <= endedAt + offMs ? offMs : 0;
  });
  return EARLY_MS + Math.max(0, ...ahead);
}

/** How long after SIGCONT a process may do what it was about to do. */
const THAW_MS = 5_000;

/** Returns whether a worker was frozen, or had just been, at some moment from `from` to `until`. */
export function freezeBetween(faults: readonly FaultRecord[], from: number, until: number): boolean {
  return faults.some(
    ({ kind, startedAt, endedAt }) =>
      /^stop .*worker/.test(kind) && startedAt <= until && endedAt + THAW_MS >= from,
  );
}
