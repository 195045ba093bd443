import { toText, type Finding } from './findings.ts';
import { statesAt, type JobHistory } from './history.ts';
import type { Traces } from './index-log.ts';
import { clockOffBetween, faultBetween, RECOVERY_MS } from './near-faults.ts';
import type { FaultRecord, RunRecord } from './log.ts';
import { dueBetween, isDue } from './oracle.ts';

/** How far the record of an open pause may be behind, in milliseconds; or by a tenth of the pause. */
const BEHIND_MS = 30_000;
const BEHIND_SHARE = 0.1;

/**
 * Finds occurrences in a pause that are not recorded, and runs of pauses with wrong counts. Each occurrence that was
 * certainly within a pause has its own row or is within the run of a pause. Such a run counts at least the occurrences
 * that are certainly within it without a row, and at most those that may be.
 */
export function checkPauses(
  history: JobHistory,
  traces: ReadonlyMap<number, Traces>,
  faults: readonly FaultRecord[],
  horizon: number,
): Finding[] {
  const findings: Finding[] = [];
  const pauses = [...traces.values()].flatMap(({ runs }) => runs.filter(({ pause }) => pause !== null));
  const hasRow = (instant: number) => traces.get(instant)?.runs.some(({ pause }) => pause === null) ?? false;
  const covering = (instant: number) => pauses.find((run) => isInPause(run, instant));

  const certain = new Map<RunRecord, number>();
  for (const instant of pausedInstants(history, horizon)) {
    if (hasRow(instant)) continue;
    const run = covering(instant);
    if (run) certain.set(run, (certain.get(run) ?? 0) + 1);
    else if (!mayBeBehind(history, instant, faults, horizon))
      findings.push({
        kind: 'silent',
        job: history.jobId,
        scheduledAt: toText(instant),
        detail: 'fell into a pause, and no record says so',
      });
  }
  for (const run of pauses) {
    const { scheduledAt, pause } = run;
    const [least, most] = [certain.get(run) ?? 0, countPossible(history, scheduledAt, pause?.until ?? 0)];
    const count = pause?.count ?? 0;
    if (count >= least && count <= most) continue;
    // A worker whose clock is ahead counts what is yet to come.
    if (clockOffBetween(faults, scheduledAt, pause?.until ?? 0) > 0) continue;
    const detail = `the pause up to ${toText(pause?.until ?? 0)} counts ${count} occurrences, not ${least} to ${most}`;
    findings.push({ kind: 'state', job: history.jobId, scheduledAt: toText(scheduledAt), detail });
  }
  return findings;
}

/** Returns whether an instant is within the pause for which a run stands. */
export const isInPause = ({ scheduledAt, pause }: RunRecord, instant: number) =>
  pause !== null && scheduledAt <= instant && instant <= pause.until;

/** The instants up to `horizon` at which a job was certainly paused and its schedule certainly due. */
function pausedInstants(history: JobHistory, horizon: number): number[] {
  return history.changes.flatMap(({ until, after: { exists, paused, schedule } }, index) => {
    // A job with `maxRuns` may be completed by then.
    if (!exists || !paused || !schedule || schedule.maxRuns !== undefined || until === Infinity) return [];
    const end = Math.min(horizon, history.changes[index + 1]?.from ?? Infinity);
    return dueBetween(schedule, until, end).filter((instant) =>
      statesAt(history, instant).every(
        (state) => state.exists && state.paused && state.schedule !== null && isDue(state.schedule, instant),
      ),
    );
  });
}

/** The number of instants in a period at which any possible schedule of the job is due. */
function countPossible(history: JobHistory, from: number, until: number): number {
  let count = 0;
  for (let instant = from; instant <= until; instant += 1_000) {
    const isPossible = statesAt(history, instant).some(
      ({ exists, schedule }) => exists && schedule !== null && isDue(schedule, instant),
    );
    if (isPossible) count++;
  }
  return count;
}

/** An open pause is recorded at intervals, which faults can delay. */
function mayBeBehind(
  { changes }: JobHistory,
  instant: number,
  faults: readonly FaultRecord[],
  horizon: number,
): boolean {
  const [last, ...before] = [...changes].reverse();
  if (!last?.after.paused || !last.after.exists) return false;
  const resumed = before.findIndex(({ after }) => !after.paused);
  const pausedFor = horizon - ([last, ...before][Math.max(resumed, 0)]?.from ?? horizon);
  const behind = BEHIND_MS + BEHIND_SHARE * pausedFor;
  const held = faultBetween(faults, horizon - behind - RECOVERY_MS, horizon) ? RECOVERY_MS : 0;
  return instant > horizon - behind - held;
}
