import { isInPause } from './check-pauses.ts';
import { toText, type Finding, type FindingKind } from './findings.ts';
import {
  expectedInstants,
  mostRuns,
  statesAt,
  TOLERANCE_MS,
  type Change,
  type JobHistory,
} from './history.ts';
import type { Traces } from './index-log.ts';
import type { FaultRecord } from './log.ts';
import {
  failedNearFault,
  faultBetween,
  lateAfter,
  mayBeEarlyBy,
  mayBeLost,
  mayBeTampered,
  ON_TIME_MS,
  RECOVERY_MS,
  timedOutNearFault,
} from './near-faults.ts';

/** The findings about the occurrences of one job. */
export interface OccurrenceCheck {
  findings: Finding[];
  /** The number of occurrences that had to have a run, and of those that had one. */
  expected: number;
  called: number;
  /** Occurrences that may have no run: skipped because of an overlap, a pause or a deletion. */
  excused: number;
  /** The time from the nominal time to the first call, for each expected occurrence. */
  latenesses: number[];
}

/** Compares the expected occurrences of a job with its traces. `faults` are in the order of their start. */
export function checkOccurrences(
  history: JobHistory,
  traces: ReadonlyMap<number, Traces>,
  faults: readonly FaultRecord[],
  horizon: number,
): OccurrenceCheck {
  const result: OccurrenceCheck = { findings: [], expected: 0, called: 0, excused: 0, latenesses: [] };
  const expected = expectedInstants(history, horizon);
  const pauses = [...traces.values()].flatMap(({ runs }) => runs.filter(({ pause }) => pause !== null));
  const find = (kind: FindingKind, instant: number, detail: string) =>
    result.findings.push({ kind, job: history.jobId, scheduledAt: toText(instant), detail });

  for (const [instant, expectation] of expected) {
    if (expectation !== 'must') continue;
    const found = traces.get(instant) ?? { calls: [], workflows: [], runs: [] };
    // Its job was completed.
    if (isAfterLastRun(history, instant, traces)) continue;
    result.expected++;
    const [first] = found.calls;
    if (first) {
      result.called++;
      if (first.at < instant - mayBeEarlyBy(faults, instant))
        find('phantom', instant, `called ${instant - first.at} ms before its time`);
      if (mayWait(history)) continue;
      result.latenesses.push(first.at - instant);
      const deadline = lateAfter(faults, instant);
      if (first.at > deadline)
        find(
          'late',
          instant,
          `called ${first.at - instant} ms after its time, ${first.at - deadline} ms too late`,
        );
      continue;
    }
    const excuse = findExcuse(history, instant, traces, faults);
    if (excuse === undefined) {
      find('missing', instant, `no call; ${describe(found)}`);
      continue;
    }
    result.excused++;
    const isRecorded =
      found.runs.some(({ state }) => RECORDED_WITHOUT_CALL.includes(state)) ||
      pauses.some((run) => isInPause(run, instant));
    if (!isRecorded && !mayBeLost(faults, instant))
      find('silent', instant, `${excuse}, and no record says so; ${describe(found)}`);
  }
  const [most, calledRuns] = [
    mostRuns(history),
    [...traces.values()].filter(({ calls }) => calls.length > 0),
  ];
  if (calledRuns.length > most)
    find('phantom', horizon, `${calledRuns.length} scheduled runs, and maxRuns was ${most} at most`);

  for (const [instant, found] of traces) {
    if (instant > horizon) continue;
    const runs = new Set([...found.calls.map(({ run }) => run), ...found.runs.map(({ id }) => id)]);
    // A run whose record is lost is run once more.
    const most = mayBeLost(faults, instant) ? 2 : 1;
    if (runs.size > most) find('duplicate', instant, `${runs.size} runs: ${[...runs].join(', ')}`);
    const isTampered = mayBeTampered(faults, history.jobId, instant);
    // One that a changed schedule started can be refused, and is started once more.
    const counted = found.workflows.filter(({ status }) => !isTampered || status === 'COMPLETED');
    const executions = new Set(counted.map(({ executionId }) => executionId));
    if (executions.size > most)
      find('duplicate', instant, `${executions.size} executions in Temporal: ${[...executions].join(', ')}`);
    if (expected.has(instant)) continue;
    if (found.calls.length > 0) find('phantom', instant, `called, and not due; ${describe(found)}`);
    else if (isTampered) continue;
    else if (found.workflows.length > 0 && !skippedBesideChange(history, instant, found, faults))
      find('phantom', instant, `started, and not due; ${describe(found)}`);
  }
  return result;
}

const NOT_RUN = ['skipped', 'missed'];
const RECORDED_WITHOUT_CALL = [...NOT_RUN, 'cancelled', 'failed', 'timedOut'];

/** Whether the runs of a job wait for one another, or for permits, so that they can be late without a fault. */
const mayWait = ({ traits: { overlap, limits, script } }: JobHistory) =>
  limits !== undefined || (script === 'slow' && (overlap === 'bufferAll' || overlap === 'bufferOne'));

/** Whether other scheduled runs have used up `maxRuns` before an instant. Which ones do is not decidable near a fault. */
function isAfterLastRun(history: JobHistory, instant: number, traces: ReadonlyMap<number, Traces>): boolean {
  const most = Math.min(...statesAt(history, instant).map(({ schedule }) => schedule?.maxRuns ?? Infinity));
  if (most === Infinity || (traces.get(instant)?.calls.length ?? 0) > 0) return false;
  const runs = [...traces.values()].flatMap((found) => found.runs);
  return runs.filter(({ state, pause }) => pause === null && !NOT_RUN.includes(state)).length >= most;
}

/** The reason why a due occurrence may have no call; undefined if there is none. */
function findExcuse(
  history: JobHistory,
  instant: number,
  traces: ReadonlyMap<number, Traces>,
  faults: readonly FaultRecord[],
): string | undefined {
  const record = traces.get(instant)?.runs.find(({ pause }) => pause === null);
  // The job was paused or deleted before this occurrence was late, or before it had waited for its turn.
  const waits =
    mayWait(history) || (history.traits.overlap !== 'allowAll' && hasEarlierUnderWay(traces, instant));
  const waitedTo = waits && record && NOT_RUN.includes(record.state) ? (record.endedAt ?? 0) : 0;
  const deadline = Math.max(lateAfter(faults, instant), waitedTo);
  const ended = history.changes.find(
    ({ kind, until }) => (kind === 'pause' || kind === 'delete') && until + TOLERANCE_MS >= instant,
  );
  if (ended && ended.from <= deadline) return `overtaken by a ${ended.kind}`;

  // Everything else must be recorded, by a reason that fits.
  const { overlap } = history.traits;
  switch (record?.state) {
    case 'skipped': {
      if (overlap === 'allowAll' || overlap === 'bufferAll' || record.reasonCode !== 'overlap')
        return undefined;
      const delayed = faultBetween(faults, instant - RECOVERY_MS, instant + ON_TIME_MS);
      return delayed || hasEarlierUnderWay(traces, instant) ? 'overlapped' : undefined;
    }
    // Whether it was rightly cancelled is checked for each run.
    case 'cancelled':
      return 'cancelled before its call';
    case 'failed':
      return failedNearFault(faults, history.traits, record) ? 'failed near a fault' : undefined;
    case 'timedOut':
      return timedOutNearFault(faults, history.traits, record, instant)
        ? 'timed out near a fault'
        : undefined;
    case undefined:
    default:
      return undefined;
  }
}

function hasEarlierUnderWay(traces: ReadonlyMap<number, Traces>, instant: number): boolean {
  for (const [earlier, { calls, workflows }] of traces) {
    if (earlier >= instant || earlier < instant - 10 * RECOVERY_MS) continue;
    if (calls.some(({ at }) => at >= instant - TOLERANCE_MS)) return true;
    if (workflows.some(({ closedAt }) => closedAt === null || closedAt >= instant)) return true;
  }
  return false;
}

/**
 * A workflow of an outdated schedule that noticed it in its first step: it made no call, and its result is skipped.
 * Correct only while the change may not have reached Temporal yet.
 */
function skippedBesideChange(
  { changes }: JobHistory,
  instant: number,
  { workflows }: Traces,
  faults: readonly FaultRecord[],
): boolean {
  if (workflows.some(({ status, resultState }) => status !== 'COMPLETED' || resultState !== 'skipped'))
    return false;
  return changes.some(
    (change: Change) =>
      change.from - TOLERANCE_MS <= instant && instant <= lateAfter(faults, change.until) + TOLERANCE_MS,
  );
}

function describe({ calls, workflows, runs }: Traces): string {
  const parts = [
    ...calls.map(({ run, at, attempt }) => `call of ${run} at ${toText(at)}, attempt ${attempt}`),
    ...workflows.map(
      ({ status, startedAt, resultState }) =>
        `workflow ${status} ${resultState ?? ''} started at ${toText(startedAt)}`,
    ),
    ...runs.map(({ id, state, reason }) => `run ${id} ${state} (${reason ?? ''})`),
  ];
  return parts.length === 0 ? 'no trace of it anywhere' : parts.join('; ');
}
