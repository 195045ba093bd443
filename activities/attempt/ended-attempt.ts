import { formatDuration } from '../../domain/duration.ts';
import { toInstant } from '../../domain/instant.ts';
import { retryDelayMs, type Retry } from '../../domain/target/retry.ts';
import { describeTimeout, describeTooLate, type RunDeadline } from '../../domain/run/run-deadline.ts';
import type { RecordedAttempt } from '../../domain/run/run.ts';

/** How an attempt ended, before it is decided whether another one follows. */
export interface AttemptOutcome {
  number: number;
  startedAt: Date;
  endedAt: Date;
  /** `timedOut`: the deadline of its run ended it. */
  verdict: 'succeeded' | 'retryable' | 'final' | 'cancelled' | 'timedOut';
  statusCode: number | null;
  error: string | null;
  responseExcerpt: string | null;
  /** For so many milliseconds the target asks to be left alone. */
  retryAfterMs?: number | undefined;
}

/** An attempt that has ended. A heartbeat keeps it in Temporal, for it may not have been recorded yet. */
export interface EndedAttempt {
  /** It failed and has a `retryAt`: another one follows. */
  attempt: RecordedAttempt;
  /** The URL of a target that is gone for good. */
  goneUrl?: string;
  /** Until the next attempt, if there is to be one. */
  retryDelayMs: number;
  /** Why the run times out with it: the deadline ended it, or another attempt would follow, and come after the deadline. */
  timedOut?: string;
}

/** Decides whether another attempt follows one that has ended, and when: none that would come after the run's deadline. Pure. */
export function endAttempt(
  ended: AttemptOutcome,
  retry: Retry,
  deadline: RunDeadline | undefined,
): EndedAttempt {
  const { number, verdict } = ended;
  const delayMs = retryDelayMs(retry, number, ended.retryAfterMs);
  const isWanted = verdict === 'retryable' && number < retry.maxAttempts;
  const retryAt = ended.endedAt.getTime() + delayMs;
  const tooLate =
    isWanted && deadline && retryAt >= deadline.at.getTime()
      ? `${ended.error ?? 'it failed'}; ${describeTooLate('the next attempt', delayMs, deadline)}`
      : undefined;
  const timedOut = verdict === 'timedOut' && deadline ? describeTimeout(deadline) : tooLate;
  return {
    attempt: {
      number,
      startedAt: ended.startedAt.toISOString(),
      endedAt: ended.endedAt.toISOString(),
      outcome: verdict === 'retryable' || verdict === 'final' ? 'failed' : verdict,
      statusCode: ended.statusCode,
      error: ended.error,
      responseExcerpt: ended.responseExcerpt,
      retryAt: isWanted && tooLate === undefined ? toInstant(retryAt) : null,
    },
    retryDelayMs: delayMs,
    ...(timedOut === undefined ? {} : { timedOut }),
  };
}

/** What is said of an attempt that the deadline of its run ended. Pure. */
export const describeOverdue = ({ timeoutMs }: Pick<RunDeadline, 'timeoutMs'>) =>
  `timed out: it had not ended within the timeout of the run, ${formatDuration(timeoutMs)}`;
