import type { FaultRecord, JobTraits, OperationRecord, PlainSchedule } from './log.ts';
import { clockOffBetween } from './near-faults.ts';
import { dueBetween, isDue } from './oracle.ts';

/** Within this time of a change both outcomes are right: schedules have a resolution of a second, and a change takes time to reach Temporal. */
export const TOLERANCE_MS = 1_500;

/** The state and schedule of a job at some moment. */
interface JobState {
  exists: boolean;
  paused: boolean;
  /** When the pause ends by itself. */
  pausedUntil: number | null;
  schedule: PlainSchedule | null;
}

/** An operation, or the end of a pause, that changes the state of a job. It took effect at some time from `from` to `until`. */
export interface Change {
  kind: OperationRecord['kind'];
  from: number;
  until: number;
  after: JobState;
}

/** The history of one job, from the operations of the clients. */
export interface JobHistory {
  jobId: string;
  traits: JobTraits;
  changes: Change[];
}

const NOTHING: JobState = { exists: false, paused: false, pausedUntil: null, schedule: null };
const NO_TRAITS: JobTraits = { target: 'http', overlap: 'allowAll', script: 'prompt', maxAttempts: 1 };

/** From the first call of an operation to its answer. Without an answer it may take effect at any time. */
export function windowOf(operation: OperationRecord): { from: number; until: number } {
  const from = operation.calls[0]?.calledAt ?? 0;
  const last = operation.calls[operation.calls.length - 1]?.endedAt ?? from;
  return { from, until: operation.outcome === 'unknown' ? Infinity : last };
}

/**
 * Derives the history of a job up to `horizon` from its operations, which the clients called one after another. A process whose clock is off
 * dates changes by its own clock, so they take effect as much earlier or later.
 */
export function historyOf(
  jobId: string,
  operations: OperationRecord[],
  faults: readonly FaultRecord[],
  horizon: number,
): JobHistory {
  const ordered = operations
    .map((operation) => ({ operation, ...windowOf(operation) }))
    .sort((a, b) => a.from - b.from)
    .map(({ operation, from, until }) => {
      const offMs = clockOffBetween(faults, from, until);
      return { operation, from: from - offMs, until: until + offMs };
    });
  let state = NOTHING;
  let traits = NO_TRAITS;
  const changes: Change[] = [];
  // A pause ends at its `until`, whoever notices when. If an operation takes effect about then, either may be the first.
  const endPause = (before: number) => {
    const { paused, pausedUntil } = state;
    if (!paused || pausedUntil === null || pausedUntil > before) return;
    state = { ...state, paused: false, pausedUntil: null };
    changes.push({ kind: 'resume', from: pausedUntil, until: pausedUntil, after: state });
  };
  for (const { operation, from, until } of ordered) {
    const refused = operation.outcome === 'refused';
    // A refused operation changes nothing, unless an earlier call of it was never answered.
    if (refused && operation.calls.every((call) => call.status !== null)) continue;
    if (apply(state, operation) === state) continue;
    endPause(until);
    const after = apply(state, operation);
    traits = operation.traits ?? traits;
    changes.push({ kind: operation.kind, from, until: refused ? Infinity : until, after });
    state = after;
  }
  endPause(horizon);
  return { jobId, traits, changes };
}

function apply(state: JobState, { kind, schedule, pausedUntil }: OperationRecord): JobState {
  switch (kind) {
    case 'create':
      return { exists: true, paused: false, pausedUntil: null, schedule };
    case 'change':
      return { ...state, schedule };
    case 'pause':
      return { ...state, paused: true, pausedUntil };
    case 'resume':
      return { ...state, paused: false, pausedUntil: null };
    case 'delete':
      return { ...state, exists: false };
    case 'label':
    case 'run':
    case 'cancel':
    case 'retry':
    case 'backfill':
      return state;
  }
}

/** All possible states of a job at an instant. */
export function statesAt({ changes }: JobHistory, instant: number): JobState[] {
  let states = [NOTHING];
  for (const { from, until, after } of changes) {
    if (until + TOLERANCE_MS < instant) states = [after];
    else if (from - TOLERANCE_MS <= instant) states.push(after);
  }
  return states;
}

/** Whether an instant must, may or must not have a run. */
export type Expectation = 'must' | 'may' | 'none';

/** Classifies one instant of a job. */
function expectationAt(history: JobHistory, instant: number): Expectation {
  const due = statesAt(history, instant).map(
    ({ exists, paused, schedule }) => exists && !paused && schedule !== null && isDue(schedule, instant),
  );
  if (due.every(Boolean)) return 'must';
  return due.some(Boolean) ? 'may' : 'none';
}

/** All instants up to `horizon` at which a job must, or may, have a run. */
export function expectedInstants(history: JobHistory, horizon: number): Map<number, Expectation> {
  const expected = new Map<number, Expectation>();
  const { changes } = history;
  changes.forEach(({ from, after: { exists, paused, schedule } }, index) => {
    if (!exists || paused || schedule === null) return;
    // This state may last until the next one has certainly taken effect.
    const end = Math.min(horizon, (changes[index + 1]?.until ?? Infinity) + TOLERANCE_MS);
    for (const instant of dueBetween(schedule, from - TOLERANCE_MS, end)) {
      const expectation = expectationAt(history, instant);
      if (expectation !== 'none') expected.set(instant, expectation);
    }
  });
  return expected;
}

/** The most scheduled runs that a job may have by any of its definitions; Infinity without a limit. */
export const mostRuns = ({ changes }: JobHistory): number =>
  Math.max(...changes.map(({ after }) => after.schedule?.maxRuns ?? Infinity));
