import type { OperationRecord, Overlap, PlainSchedule } from './log.ts';
import { dueBetween, isDue } from './oracle.ts';

/** Schedules have a resolution of a second, and a change takes a moment to arrive: so near to one, both are right. */
export const TOLERANCE_MS = 1_500;

/** What a job is to do at some moment. */
interface JobState {
  exists: boolean;
  paused: boolean;
  schedule: PlainSchedule | null;
}

/** An operation that changes what a job is to do: it took effect somewhere from `from` to `until`. */
export interface Change {
  kind: OperationRecord['kind'];
  from: number;
  until: number;
  after: JobState;
}

/** What the clients made of one job. */
export interface JobHistory {
  jobId: string;
  overlap: Overlap;
  changes: Change[];
}

const NOTHING: JobState = { exists: false, paused: false, schedule: null };

/** From the first call of an operation to its answer; without one its effect may come at any time. */
export function windowOf(operation: OperationRecord): { from: number; until: number } {
  const from = operation.calls[0]?.calledAt ?? 0;
  const last = operation.calls[operation.calls.length - 1]?.endedAt ?? from;
  return { from, until: operation.outcome === 'unknown' ? Infinity : last };
}

/** Reads the history of a job out of its operations, which its clients called one after another. */
export function historyOf(jobId: string, operations: OperationRecord[]): JobHistory {
  const ordered = operations
    .map((operation) => ({ operation, ...windowOf(operation) }))
    .sort((a, b) => a.from - b.from);
  let state = NOTHING;
  let overlap: Overlap = 'allowAll';
  const changes: Change[] = [];
  for (const { operation, from, until } of ordered) {
    const refused = operation.outcome === 'refused';
    // What was refused changes nothing, unless a call before the refusal was never answered.
    if (refused && operation.calls.every((call) => call.status !== null)) continue;
    const after = apply(state, operation);
    if (after === state) continue;
    overlap = operation.overlap ?? overlap;
    changes.push({ kind: operation.kind, from, until: refused ? Infinity : until, after });
    state = after;
  }
  return { jobId, overlap, changes };
}

function apply(state: JobState, { kind, schedule }: OperationRecord): JobState {
  switch (kind) {
    case 'create':
      return { exists: true, paused: false, schedule };
    case 'change':
      return { ...state, schedule };
    case 'pause':
      return { ...state, paused: true };
    case 'resume':
      return { ...state, paused: false };
    case 'delete':
      return { ...state, exists: false };
    case 'label':
    case 'run':
      return state;
  }
}

/** All states that a job may be in at an instant. */
export function statesAt({ changes }: JobHistory, instant: number): JobState[] {
  let states = [NOTHING];
  for (const { from, until, after } of changes) {
    if (until + TOLERANCE_MS < instant) states = [after];
    else if (from - TOLERANCE_MS <= instant) states.push(after);
  }
  return states;
}

/** What is to be expected of an instant: that it must have a run, that it may, or that it must not. */
export type Expectation = 'must' | 'may' | 'none';

/** Judges one instant of a job. */
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
    // This state may last until the next one has surely come.
    const end = Math.min(horizon, (changes[index + 1]?.until ?? Infinity) + TOLERANCE_MS);
    for (const instant of dueBetween(schedule, from - TOLERANCE_MS, end)) {
      const expectation = expectationAt(history, instant);
      if (expectation !== 'none') expected.set(instant, expectation);
    }
  });
  return expected;
}
