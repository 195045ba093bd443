import { SECOND_MS } from '../domain/milliseconds.ts';
import type { Policy } from '../domain/policy.ts';

/** What is known of an occurrence that is due, and of which Temporal has no workflow. */
export interface DueOccurrence {
  scheduledAt: number;
  now: number;
  overlap: Policy['overlap'];
  catchupWindowMs: number;
  /** When the Temporal Schedule was last written: what was due before, it does not start. Undefined: there is none. */
  schedulePutAt: number | undefined;
  job: 'active' | 'paused' | 'completed' | 'deleted';
  /** Tells whether a run that was due before this one was still under way when this one was due. */
  wasOverlapped: boolean;
  /** Tells whether a run that was due later has been started. */
  hasLater: boolean;
  /** Tells whether any scheduled run of the job is under way. */
  hasOpen: boolean;
  /** How many starts wait in the buffer of the Temporal Schedule. */
  buffered: number;
}

/** What is to become of it: start it, leave it to Temporal for now, or end it without a run. */
export type Decision =
  | { kind: 'start'; isOverdue: boolean }
  | { kind: 'wait' }
  | { kind: 'end'; state: 'skipped' | 'missed'; reason: string };

/** So long a Temporal Schedule may take to start what is due; then it is taken to have stalled. */
const PATIENCE_MS = 60 * SECOND_MS;

const skipped = (reason: string): Decision => ({ kind: 'end', state: 'skipped', reason });

/** Decides on an occurrence that is due and not started, as Temporal would have done, or will do. Pure. */
export function decideOccurrence(due: DueOccurrence): Decision {
  const { overlap, scheduledAt, now, schedulePutAt } = due;
  if (due.job === 'deleted') return skipped('the job was deleted before it could start');
  if (due.job === 'paused') return skipped('the job was paused before it could start');

  const waitsInTurn = overlap === 'bufferOne' || overlap === 'bufferAll';
  const takesPlace = overlap === 'cancelOther' || overlap === 'terminateOther';
  if (waitsInTurn && due.buffered > 0) return { kind: 'wait' };
  if (overlap === 'skip' && due.wasOverlapped) return skipped('overlap: another run was under way');
  if (overlap === 'bufferOne' && due.wasOverlapped)
    return skipped('overlap: another run was under way, and one waited already');
  if (takesPlace && due.hasLater) return skipped('overlap: a later occurrence took its place');

  const isOurs = schedulePutAt === undefined || scheduledAt <= schedulePutAt;
  const isOverdue = !isOurs && now - scheduledAt > PATIENCE_MS;
  if (!isOurs && !isOverdue) return { kind: 'wait' };

  // An occurrence that waits for its turn is not late.
  const waitedInTurn = overlap === 'bufferAll' && (due.wasOverlapped || due.hasOpen);
  if (now - scheduledAt > due.catchupWindowMs && !waitedInTurn) {
    return {
      kind: 'end',
      state: 'missed',
      reason: 'it could not start within the catchup window',
    };
  }
  if (overlap !== 'allowAll' && due.hasOpen) return { kind: 'wait' };
  return { kind: 'start', isOverdue };
}
