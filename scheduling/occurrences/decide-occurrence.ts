import { SECOND_MS } from '../../domain/milliseconds.ts';
import { reasonFor, type Reason, type ReasonCode } from '../../domain/run/reasons.ts';
import type { Policy } from '../../domain/job/policy.ts';

/** What is known of an occurrence that is due, and of which Temporal has no workflow. */
export interface DueOccurrence {
  scheduledAt: number;
  now: number;
  overlap: Policy['overlap'];
  catchupWindowMs: number;
  /** By so much its schedule may have put it off. */
  jitterMs: number;
  /** When the Temporal Schedule was last written: what was due before, it does not start. Undefined: there is none. */
  schedulePutAt: number | undefined;
  job: 'active' | 'paused' | 'completed' | 'deleted';
  /** Tells whether a run that was due before this one was still under way when this one was due. */
  wasOverlapped: boolean;
  /** Tells whether a run that was due before this one had to wait, and began after this one was due. */
  wasWaitedFor: boolean;
  /** Tells whether a run that was due later has been started. */
  hasLater: boolean;
  /** Tells whether any scheduled run of the job is under way. */
  hasOpen: boolean;
  /** Tells whether as many other scheduled runs have begun as the job's `maxRuns` allows. */
  isUsedUp: boolean;
  /** How many starts wait in the buffer of the Temporal Schedule. */
  buffered: number;
}

/** What is to become of it: start it, wait for its schedule or for another run, or end it without a run. */
export type Decision =
  | { kind: 'start'; isOverdue: boolean }
  | { kind: 'wait'; for: 'schedule' | 'run' }
  | ({ kind: 'end'; state: 'skipped' | 'missed'; isOverdue: boolean } & Reason);

/** So long a Temporal Schedule may take to start what is due; then it is taken to have stalled. */
const PATIENCE_MS = 60 * SECOND_MS;

const skipped = (code: ReasonCode, words?: string): Decision => ({
  kind: 'end',
  state: 'skipped',
  ...reasonFor(code, words),
  isOverdue: false,
});

/**
 * Decides on an occurrence that is due and not started, as Temporal would have done, or will do. `isOverdue`: its
 * schedule should have started it, and did not. Pure.
 */
export function decideOccurrence(due: DueOccurrence): Decision {
  const { overlap, scheduledAt, now, schedulePutAt } = due;
  if (due.job === 'deleted') return skipped('jobDeleted', 'the job was deleted before it could start');
  if (due.job === 'paused') return skipped('pausedBeforeStart');

  const waitsInTurn = overlap === 'bufferOne' || overlap === 'bufferAll';
  const takesPlace = overlap === 'cancelOther' || overlap === 'terminateOther';
  if (overlap === 'skip' && due.wasOverlapped) return skipped('overlap');
  if (takesPlace && due.hasLater) return skipped('overlap', 'overlap: a later occurrence took its place');
  if (due.isUsedUp) return skipped('maxRunsReached');
  if (waitsInTurn && due.buffered > 0) return { kind: 'wait', for: 'schedule' };
  if (overlap === 'bufferOne' && due.wasOverlapped && due.wasWaitedFor)
    return skipped('overlap', 'overlap: another run was under way, and one waited already');

  const isOurs = schedulePutAt === undefined || scheduledAt <= schedulePutAt;
  const lateMs = now - scheduledAt - due.jitterMs;
  const isOverdue = !isOurs && lateMs > Math.min(PATIENCE_MS, due.catchupWindowMs / 2);
  if (!isOurs && !isOverdue) return { kind: 'wait', for: 'schedule' };

  // An occurrence that waits for its turn is not late.
  const waitedInTurn = waitsInTurn && (due.wasOverlapped || due.hasOpen);
  if (lateMs > due.catchupWindowMs && !waitedInTurn) {
    return {
      kind: 'end',
      state: 'missed',
      ...reasonFor('catchupWindowPassed'),
      isOverdue,
    };
  }
  if (overlap !== 'allowAll' && due.hasOpen) return { kind: 'wait', for: 'run' };
  return { kind: 'start', isOverdue };
}
