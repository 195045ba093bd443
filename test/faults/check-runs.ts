import { verdictOf } from './answers.ts';
import { toText, type Finding, type FindingKind } from './findings.ts';
import { TOLERANCE_MS, windowOf, type JobHistory } from './history.ts';
import { getOrPut, type IndexedLog, type Traces } from './index-log.ts';
import type { FaultRecord, OperationRecord, RunRecord, TargetCall } from './log.ts';
import {
  clockOffBetween,
  failedNearFault,
  faultBetween,
  lateAfter,
  mayBeLost,
  mayBeTampered,
} from './near-faults.ts';
import { dueBetween } from './oracle.ts';

/** How long a call may still begin, or go on, after its run was cancelled. A first call is not aborted in its first 2 s. */
const CANCEL_MS = 4_000;
const OPEN_STATES = ['queued', 'running'];
const NOT_RUN_STATES = ['skipped', 'missed'];

interface RunContext {
  record: RunRecord;
  traces: Traces;
  history: JobHistory;
  /** The requests to cancel it. */
  cancels: readonly OperationRecord[];
  faults: readonly FaultRecord[];
}

/**
 * Compares the records of runs with their calls: every call has its run and its attempt in the record, the state is what
 * the answers mean, and a cancelled run makes no further call. `faults` are in the order of their start.
 */
export function checkRuns(
  index: IndexedLog,
  histories: ReadonlyMap<string, JobHistory>,
  operations: readonly OperationRecord[],
  faults: readonly FaultRecord[],
): Finding[] {
  const findings: Finding[] = [];
  const cancelsOf = new Map<string, OperationRecord[]>();
  for (const operation of operations)
    if (operation.kind === 'cancel') getOrPut(cancelsOf, operation.runId ?? '', () => []).push(operation);
  const all = [
    ...[...index.occurrencesOf.values()].flatMap((occurrences) => [...occurrences.values()]),
    ...index.requested.values(),
    ...index.backfilled.values(),
  ];
  for (const traces of all) {
    const record = traces.runs.find(({ pause }) => pause === null);
    const first = traces.calls[0] ?? record;
    if (!first || isLost(traces, faults)) continue;
    const find = (kind: FindingKind, detail: string) =>
      findings.push({ kind, job: first.job, scheduledAt: toText(first.scheduledAt), detail });
    for (const call of traces.calls) {
      const isRecorded = traces.runs.some(({ id }) => id === call.run);
      if (!isRecorded) find('unrecorded', `run ${call.run}: called at ${toText(call.at)}, without a record`);
    }
    const history = histories.get(first.job);
    if (!record || !history || OPEN_STATES.includes(record.state)) continue;
    const context = { record, traces, history, faults, cancels: cancelsOf.get(record.id) ?? [] };
    checkAttempts(context, find);
    checkState(context, find);
    checkCancelled(context, find);
    checkWorkflows(context, find);
  }
  return findings;
}

type Find = (kind: FindingKind, detail: string) => void;

/** Whether a part of the record of a run, or a request for it, may be lost. */
const isLost = ({ calls, runs, workflows }: Traces, faults: readonly FaultRecord[]) =>
  [
    ...calls.map(({ at }) => at),
    ...workflows.map(({ startedAt }) => startedAt),
    ...runs.map(({ endedAt }) => endedAt ?? 0),
  ].some((at) => mayBeLost(faults, at));

/** The most calls of one run that are kept as lost. */
const MOST_LOST = 50;

/**
 * Each call that the target saw is recorded: each attempt, and if it was called again, each lost call of it. The workflows
 * and activities of users call as often as they like.
 */
function checkAttempts({ record, traces, history }: RunContext, find: Find): void {
  const { id, attempts, state, reason } = record;
  const called = new Map<number, number>();
  for (const { run, attempt } of traces.calls)
    if (run === id) called.set(attempt, (called.get(attempt) ?? 0) + 1);
  for (const [attempt, times] of called) {
    const recorded = attempts.filter(({ number }) => number === attempt).length;
    const least = history.traits.target === 'http' ? Math.min(times, MOST_LOST) : 1;
    if (recorded >= least) continue;
    const count = `attempt ${attempt} was called ${times} times, and is recorded ${recorded} times`;
    find('unrecorded', `run ${id} ${state} (${reason ?? ''}): ${count}`);
  }
}

function checkState(context: RunContext, find: Find): void {
  const { record, traces, history, faults } = context;
  const { traits } = history;
  const { state, reason, reasonCode, scheduledAt, id } = record;
  if (NOT_RUN_STATES.includes(state)) {
    if (traces.calls.length > 0) find('state', `run ${id} was called, and is ${state} (${reason ?? ''})`);
    return;
  }
  const verdict = verdictOf(traits.script, scheduledAt);
  const isNearFault = faultBetween(faults, scheduledAt - CANCEL_MS, record.endedAt ?? Infinity);
  // Without any call, it is missing.
  const served = traces.calls.length === 0 || traces.calls.some(({ status }) => status === 200);
  const isRight = (): boolean => {
    switch (state) {
      case 'succeeded':
        return served;
      case 'failed':
        return verdict === 'fails' ? reasonCode === 'attemptFailed' : failedNearFault(faults, traits, record);
      case 'timedOut':
        return traits.timeoutMs !== undefined && (verdict === 'hangs' || isNearFault);
      case 'cancelled':
        return isRightlyCancelled(context);
      default:
        return false;
    }
  };
  if (!isRight()) find('state', `run ${id} is ${state} (${reason ?? ''}); ${describe(traces.calls)}`);
}

/** By a client, or for a later occurrence of its job. */
function isRightlyCancelled({ record, history, cancels, faults }: RunContext): boolean {
  const recordedAt = record.endedAt ?? Infinity;
  // A process dates its records by its own clock.
  const offMs = clockOffBetween(faults, record.scheduledAt, Math.max(record.scheduledAt, recordedAt));
  const endedAt = recordedAt + TOLERANCE_MS + offMs;
  if (cancels.some((operation) => mayHaveHappened(operation) && windowOf(operation).from <= endedAt))
    return true;
  const { overlap } = history.traits;
  if (overlap !== 'cancelOther' && overlap !== 'terminateOther') return false;
  if (record.trigger !== 'schedule') return false;
  return history.changes.some(
    ({ after: { schedule } }) =>
      schedule !== null && dueBetween(schedule, record.scheduledAt + 1, endedAt).length > 0,
  );
}

/** Whether an operation took effect, as far as its client knows. */
export const mayHaveHappened = ({ outcome, calls }: OperationRecord) =>
  outcome !== 'refused' || calls.some(({ status }) => status === null || status >= 500);

/** After a confirmed cancellation, no call begins, and the run is cancelled unless its last call was over before. */
function checkCancelled({ record, traces, history, cancels, faults }: RunContext, find: Find): void {
  for (const operation of cancels) {
    if (operation.outcome !== 'done') continue;
    const { until } = windowOf(operation);
    const isDisturbed = faultBetween(faults, until - CANCEL_MS, until + CANCEL_MS);
    const deadline = isDisturbed ? lateAfter(faults, until) : until + CANCEL_MS;
    const later = traces.calls.find(({ at }) => at > deadline);
    if (later)
      find(
        'cancelled',
        `run ${record.id}: called ${later.at - until} ms after its cancellation was confirmed`,
      );
    const last = traces.calls[traces.calls.length - 1];
    const wasOver = last?.status !== null && (last?.endedAt ?? Infinity) <= deadline;
    // Near a fault, its timeout may come before the cancellation reaches its worker.
    const hasTimedOut = record.state === 'timedOut' && history.traits.timeoutMs !== undefined && isDisturbed;
    const isOvertaken = NOT_RUN_STATES.includes(record.state) || hasTimedOut;
    if (record.state !== 'cancelled' && !wasOver && !isOvertaken)
      find('cancelled', `run ${record.id}: cancelled by a client, and ${record.state}`);
  }
}

/** How a workflow closes in Temporal follows from how its run ended. */
function checkWorkflows({ record, traces, history, cancels, faults }: RunContext, find: Find): void {
  // What an operator's change started is refused, and its workflow fails or is terminated.
  if (mayBeTampered(faults, history.jobId, record.scheduledAt)) return;
  const { overlap } = history.traits;
  for (const { workflowId, status, closedAt } of traces.workflows) {
    const allowed = ['COMPLETED', 'RUNNING'];
    if (record.state === 'failed' || record.state === 'timedOut') allowed.push('FAILED');
    if (record.state === 'cancelled') allowed.push('CANCELLED');
    if (record.state === 'timedOut') allowed.push('TIMED_OUT', 'CANCELLED');
    if (overlap === 'terminateOther' && record.state === 'cancelled') allowed.push('TERMINATED');
    // Its end was on record when somebody else ended its workflow, which had not closed yet.
    const endedAt = record.endedAt ?? 0;
    const wasClosing = (closedAt ?? 0) <= lateAfter(faults, endedAt);
    if (wasClosing && record.trigger === 'schedule') {
      if (overlap === 'terminateOther') allowed.push('TERMINATED');
      if (overlap === 'cancelOther') allowed.push('CANCELLED');
    }
    if (wasClosing && cancels.some(mayHaveHappened)) allowed.push('CANCELLED');
    if (!allowed.includes(status))
      find('state', `workflow ${workflowId} is ${status}, and its run ${record.state}`);
  }
}

const describe = (calls: readonly TargetCall[]): string =>
  calls.length === 0
    ? 'no call'
    : calls
        .map(({ at, attempt, status }) => `attempt ${attempt} at ${toText(at)}: ${status ?? 'broken off'}`)
        .join(', ');
