import { toInstant } from '../domain/instant.ts';
import { retryDelayMs, type Retry } from '../domain/retry.ts';
import type { RecordedAttempt } from '../domain/run.ts';

/** How an attempt ended, before it is decided whether another one follows. */
export interface AttemptOutcome {
  number: number;
  startedAt: Date;
  endedAt: Date;
  verdict: 'succeeded' | 'retryable' | 'final' | 'cancelled';
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
}

/** Decides whether another attempt follows one that has ended, and when. Pure. */
export function endAttempt(ended: AttemptOutcome, retry: Retry): EndedAttempt {
  const { number, verdict } = ended;
  const delayMs = retryDelayMs(retry, number, ended.retryAfterMs);
  const isRetried = verdict === 'retryable' && number < retry.maxAttempts;
  return {
    attempt: {
      number,
      startedAt: ended.startedAt.toISOString(),
      endedAt: ended.endedAt.toISOString(),
      outcome: verdict === 'succeeded' || verdict === 'cancelled' ? verdict : 'failed',
      statusCode: ended.statusCode,
      error: ended.error,
      responseExcerpt: ended.responseExcerpt,
      retryAt: isRetried ? toInstant(ended.endedAt.getTime() + delayMs) : null,
    },
    retryDelayMs: delayMs,
  };
}
