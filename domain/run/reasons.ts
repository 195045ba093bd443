import { z } from 'zod';
import type { RunState } from './run-state.ts';

interface ReasonEntry {
  /** The states in which a run can be for this reason. */
  states: RunState[];
  /** What the code says, for the OpenAPI document. */
  means: string;
  /** The words that stand beside the code, unless there is more to say. */
  words: string;
}

const OPEN: RunState[] = ['queued', 'running'];

/**
 * Every reason for which a run waits, did not start or ended. The keys are stable: clients, alerts and this service itself
 * decide by them. The words are for people, and can change.
 */
const REASONS = {
  waitsForPermit: {
    states: OPEN,
    means: 'a limit of its job leaves no room yet',
    words: 'waits for a permit',
  },
  waitsForWorker: {
    states: OPEN,
    means: 'no worker has taken its workflow or activity',
    words: 'waits for a worker',
  },
  startedWrongly: {
    states: OPEN,
    means:
      'its Temporal Schedule, changed by hand, had started another workflow in its place, or on another task queue; it is started again',
    words: 'Temporal had started another workflow in its place; it is started again',
  },
  jobDeleted: { states: ['skipped'], means: 'its job was deleted', words: 'the job was deleted' },
  hookRemoved: {
    states: ['skipped'],
    means: 'its job no longer has the hook',
    words: 'the job does not have this hook any more',
  },
  pausedBeforeStart: {
    states: ['skipped'],
    means: 'its job was paused after it was due and before it started',
    words: 'the job was paused before it could start',
  },
  paused: { states: ['skipped'], means: 'it stands for all occurrences of a pause', words: 'paused' },
  skippedByRequest: {
    states: ['skipped'],
    means: 'somebody asked to leave this occurrence out; the words say who and why',
    words: 'skipped by request',
  },
  overlap: {
    states: ['skipped'],
    means: 'the overlap policy left it out for another run',
    words: 'overlap: another run was under way',
  },
  maxRunsReached: {
    states: ['skipped'],
    means: 'other occurrences used up `maxRuns`',
    words: 'maxRuns: other occurrences have had all runs of the job',
  },
  repeatedLocalTime: {
    states: ['skipped'],
    means: 'clocks went back, and `dst.repeat` is `first`',
    words: 'clocks went back: this local time came a second time (dst.repeat is "first")',
  },
  notAnOccurrence: {
    states: ['skipped'],
    means:
      'Temporal started it for an instant at which its job is not due: by hand, or by a schedule that was changed by hand',
    words: 'Temporal started it for an instant at which the job is not due',
  },
  scheduleChanged: {
    states: ['skipped'],
    means: 'the schedule was changed before it started',
    words: 'the schedule had been changed before it could start',
  },
  catchupWindowPassed: {
    states: ['missed'],
    means: 'it could not start within the catchup window',
    words: 'it could not start within the catchup window',
  },
  cancelled: {
    states: ['cancelled'],
    means: 'a client, the overlap policy or somebody in Temporal cancelled it',
    words: 'the run was cancelled',
  },
  terminated: {
    states: ['cancelled'],
    means: 'somebody terminated its workflow in Temporal',
    words: 'the run was terminated',
  },
  backfillCancelled: {
    states: ['cancelled'],
    means: 'its backfill was cancelled in Temporal',
    words: 'the backfill was cancelled',
  },
  timeoutReached: {
    states: ['timedOut'],
    means: 'it was not over within the `timeout` of its job',
    words: 'it took longer than its timeout',
  },
  nextAttemptTooLate: {
    states: ['timedOut'],
    means: 'its next attempt would have come after its deadline',
    words: 'the next attempt would come after the timeout of the run',
  },
  permitTooLate: {
    states: ['timedOut'],
    means: 'no permit could be granted before its deadline',
    words: 'no permit could be granted within the timeout of the run',
  },
  attemptFailed: {
    states: ['failed'],
    means: 'its last attempt failed; the words are those of the attempt',
    words: 'the last attempt failed',
  },
  workflowFailed: {
    states: ['failed'],
    means: 'its workflow failed in Temporal',
    words: 'its workflow failed',
  },
  forgottenByTemporal: {
    states: ['failed'],
    means: 'Temporal no longer knows its workflow, and its end is unknown',
    words: 'Temporal has no record of it any more',
  },
  recordedLater: {
    states: ['succeeded'],
    means: 'its end was recorded later, from the result of its workflow',
    words: 'recorded afterwards, as its workflow answered',
  },
} satisfies Record<string, ReasonEntry>;

const CODES = Object.keys(REASONS) as [keyof typeof REASONS, ...(keyof typeof REASONS)[]];

/** Why a run waits, did not start or ended, as a code that stays the same when the words change. */
export const ReasonCode = z.enum(CODES).meta({
  id: 'ReasonCode',
  description: CODES.map((code) => `\`${code}\`: ${REASONS[code].means}.`).join('\n'),
});
export type ReasonCode = z.infer<typeof ReasonCode>;

/** A reason as it is stored with a run: the code, and the words beside it. */
export interface Reason {
  reasonCode: ReasonCode;
  reason: string;
}

/** A reason with its usual words, or with others that say more. Pure. */
export const reasonFor = (reasonCode: ReasonCode, words: string = REASONS[reasonCode].words): Reason => ({
  reasonCode,
  reason: words,
});

/**
 * The code of a stored run; null for a run without a reason, for one that an earlier version recorded, and for a code
 * that does not go with the run's state: an earlier version changed the words alone, or a later one knows more codes. Pure.
 */
export function reasonCodeOf(run: {
  state: RunState;
  reason: string | null;
  reasonCode: string | null | undefined;
}): ReasonCode | null {
  const { data: code } = ReasonCode.safeParse(run.reasonCode);
  if (run.reason === null || code === undefined) return null;
  const { states }: ReasonEntry = REASONS[code];
  return states.includes(run.state) ? code : null;
}
