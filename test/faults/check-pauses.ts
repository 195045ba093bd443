import { toText, type Finding } from './findings.ts';
import { statesAt, type JobHistory } from './history.ts';
import type { Traces } from './index-log.ts';
import { faultBetween, RECOVERY_MS } from './near-faults.ts';
import type { FaultRecord, RunRecord } from './log.ts';
import { dueBetween, isDue } from './oracle.ts';

/** The record of a pause that lasts may be behind by so much, or by a tenth of the pause. */
const BEHIND_MS = 30_000;
const BEHIND_SHARE = 0.1;

/**
 * Finds what fell due in a pause and is on no record, and records of pauses that count wrongly. Each occurrence that
 * surely fell into a pause has either a row of its own or lies within the run of a pause; and such a run counts at least
 * those that surely fell into it and have no row, and at most those that may have.
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

  const surely = new Map<RunRecord, number>();
  for (const instant of pausedInstants(history, horizon)) {
    if (hasRow(instant)) continue;
    const run = covering(instant);
    if (run) surely.set(run, (surely.get(run) ?? 0) + 1);
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
    const [least, most] = [surely.get(run) ?? 0, countPossible(history, scheduledAt, pause?.until ?? 0)];
    const count = pause?.count ?? 0;
    if (count >= least && count <= most) continue;
    const detail = `the pause up to ${toText(pause?.until ?? 0)} counts ${count} occurrences, not ${least} to ${most}`;
    findings.push({ kind: 'state', job: history.jobId, scheduledAt: toText(scheduledAt), detail });
  }
  return findings;
}

/** Tells whether a run stands for a pause that an instant lies in. */
export const isInPause = ({ scheduledAt, pause }: RunRecord, instant: number) =>
  pause !== null && scheduledAt <= instant && instant <= pause.until;

/** The instants up to `horizon` at which a job was surely paused, and its schedule surely due. */
function pausedInstants(history: JobHistory, horizon: number): number[] {
  return history.changes.flatMap(({ until, after: { exists, paused, schedule } }, index) => {
    if (!exists || !paused || schedule === null || until === Infinity) return [];
    const end = Math.min(horizon, history.changes[index + 1]?.from ?? Infinity);
    return dueBetween(schedule, until, end).filter((instant) =>
      statesAt(history, instant).every(
        (state) => state.exists && state.paused && state.schedule !== null && isDue(state.schedule, instant),
      ),
    );
  });
}

/** How many instants there are in a stretch at which some schedule that the job may have had is due. */
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

/** A pause that lasts to the end is recorded now and then; faults hold that up. */
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
