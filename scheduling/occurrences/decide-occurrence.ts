import { SECOND_MS } from '../../domain/milliseconds.ts';
import { reasonFor, type Reason, type ReasonCode } from '../../domain/run/reasons.ts';
import type { Policy } from '../../domain/job/policy.ts';
import type { Skip } from '../../domain/schedule/skip-schema.ts';
import { wordsOfSkip } from '../../domain/schedule/skips.ts';

/**
 * The facts about an occurrence that is due and for which Temporal has no workflow. Times in milliseconds
 * since the epoch.
 */
export interface DueOccurrence {
  scheduledAt: number;
  now: number;
  overlap: Policy['overlap'];
  catchupWindowMs: number;
  /** Its schedule may start it this much later. */
  jitterMs: number;
  /** When the Temporal Schedule was last written: it starts no earlier occurrences. Undefined if there is none. */
  schedulePutAt: number | undefined;
  job: 'active' | 'paused' | 'completed' | 'deleted';
  /** It was skipped by request: by whom and why. Undefined if it was not. */
  skip: Skip | undefined;
  /** A run of an earlier occurrence was in progress when this one was due. */
  wasOverlapped: boolean;
  /** A run of an earlier occurrence had to wait, and started after this one was due. */
  wasWaitedFor: boolean;
  /** A run of a later occurrence has been started. */
  hasLater: boolean;
  /** A scheduled run of the job is open. */
  hasOpen: boolean;
  /** The other scheduled runs that have started use up the job's `maxRuns`. */
  isUsedUp: boolean;
  /** How many starts the Temporal Schedule has buffered. */
  buffered: number;
}

/** The decision: start it, wait for its schedule or for another run, or end it without a run. */
export type Decision =
  | { kind: 'start'; isOverdue: boolean }
  | { kind: 'wait'; for: 'schedule' | 'run' }
  | ({ kind: 'end'; state: 'skipped' | 'missed'; isOverdue: boolean } & Reason);

/** A Temporal Schedule that has not started a due occurrence within this time is taken to have stalled. */
const PATIENCE_MS = 60 * SECOND_MS;

const skipped = (code: ReasonCode, words?: string): Decision => ({
  kind: 'end',
  state: 'skipped',
  ...reasonFor(code, words),
  isOverdue: false,
});

/**
 * Decides on an occurrence that is due and not started, as Temporal would. `isOverdue`: its schedule should
 * have started it, and did not. Pure.
 */
export function decideOccurrence(due: DueOccurrence): Decision {
  const { overlap, scheduledAt, now, schedulePutAt } = due;
  if (due.job === 'deleted') return skipped('jobDeleted', 'the job was deleted before it could start');
  if (due.skip) return skipped('skippedByRequest', wordsOfSkip(due.skip));
  if (due.job === 'paused') return skipped('pausedBeforeStart');

  const isBuffering = overlap === 'bufferOne' || overlap === 'bufferAll';
  const takesPlace = overlap === 'cancelOther' || overlap === 'terminateOther';
  if (overlap === 'skip' && due.wasOverlapped) return skipped('overlap');
  if (takesPlace && due.hasLater) return skipped('overlap', 'overlap: a later occurrence took its place');
  if (due.isUsedUp) return skipped('maxRunsReached');
  if (isBuffering && due.buffered > 0) return { kind: 'wait', for: 'schedule' };
  if (overlap === 'bufferOne' && due.wasOverlapped && due.wasWaitedFor)
    return skipped('overlap', 'overlap: another run was under way, and one waited already');

  const isOurs = schedulePutAt === undefined || scheduledAt <= schedulePutAt;
  const lateMs = now - scheduledAt - due.jitterMs;
  const isOverdue = !isOurs && lateMs > Math.min(PATIENCE_MS, due.catchupWindowMs / 2);
  if (!isOurs && !isOverdue) return { kind: 'wait', for: 'schedule' };

  // A buffered occurrence is not late.
  const wasBuffered = isBuffering && (due.wasOverlapped || due.hasOpen);
  if (lateMs > due.catchupWindowMs && !wasBuffered) {
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
