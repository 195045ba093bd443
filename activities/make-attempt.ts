import { ApplicationFailure, type Context } from '@temporalio/activity';
import type { ActivityCancellationDetails } from '@temporalio/common';
import { CANCELLED, type BegunRun } from '../db/run-progress.ts';
import { STATUS_DEFAULTS } from '../domain/http-status.ts';
import { toInstant } from '../domain/instant.ts';
import type { PlaceholderValues } from '../domain/placeholder.ts';
import { retryDelayMs } from '../domain/retry.ts';
import type { RecordedAttempt } from '../domain/run.ts';
import { callHttp, type CallOutcome } from './call-http.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { prepareCall } from './prepare-call.ts';

/** An attempt that has ended. A heartbeat keeps it in Temporal, for it may not have been recorded yet. */
export interface EndedAttempt {
  /** It failed and has a `retryAt`: another one follows. */
  attempt: RecordedAttempt;
  /** The URL of a target that is gone for good. */
  goneUrl?: string;
  /** Until the next attempt, if there is to be one. */
  retryDelayMs: number;
}

/** Said of an attempt whose workflow was terminated or timed out: the reconciler finds out which. */
export const ENDED_IN_TEMPORAL = 'the run was ended in Temporal';

/** Also how soon a call learns that its run was cancelled. */
const HEARTBEAT_MS = 1_000;

/**
 * Makes the call of one attempt of a run.
 * @throws ApplicationFailure if the call was broken off because this worker stops: it says nothing about the target
 */
export async function makeAttempt(
  { dispatcher, secrets }: Pick<ActivityDependencies, 'dispatcher' | 'secrets'>,
  context: Context,
  run: BegunRun,
  values: PlaceholderValues,
): Promise<EndedAttempt> {
  const { target, retry } = run;
  const number = Number(values.attempt);
  const heartbeat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
  const startedAt = new Date();
  try {
    const outcome = await call();
    const brokenOff = outcome.verdict !== 'succeeded' && context.cancellationSignal.aborted;
    const cancellation = brokenOff ? findCancellation(context.cancellationDetails) : undefined;
    if (brokenOff && cancellation === undefined) {
      throw ApplicationFailure.retryable('the call was broken off because the worker stopped', 'Interrupted');
    }
    const endedAt = new Date();
    const delayMs = retryDelayMs(retry, number, outcome.retryAfterMs);
    const isRetried =
      cancellation === undefined && outcome.verdict === 'retryable' && number < retry.maxAttempts;
    const ended: EndedAttempt = {
      attempt: {
        number,
        startedAt: startedAt.toISOString(),
        endedAt: endedAt.toISOString(),
        outcome:
          cancellation !== undefined ? 'cancelled' : outcome.verdict === 'succeeded' ? 'succeeded' : 'failed',
        statusCode: outcome.statusCode,
        error: cancellation ?? outcome.error,
        responseExcerpt: outcome.responseExcerpt,
        retryAt: isRetried ? toInstant(endedAt.getTime() + delayMs) : null,
      },
      ...(outcome.verdict === 'gone' ? { goneUrl: target.url } : {}),
      retryDelayMs: delayMs,
    };
    context.heartbeat(ended);
    return ended;
  } finally {
    clearInterval(heartbeat);
  }

  async function call(): Promise<CallOutcome> {
    let prepared;
    try {
      prepared = prepareCall(run, values, secrets, startedAt);
    } catch (error) {
      // A key that this worker does not have, above all: another attempt may find one that does.
      const message = error instanceof Error ? error.message : String(error);
      return { verdict: 'retryable', statusCode: null, error: message, responseExcerpt: null };
    }
    const rules = { ...STATUS_DEFAULTS, ...target, ...retry };
    return callHttp(dispatcher, prepared, rules, context.cancellationSignal);
  }
}

/** Why Temporal wanted the run to end; undefined if it did not, and only this worker is to stop. */
function findCancellation(details: ActivityCancellationDetails | undefined): string | undefined {
  if (details?.cancelRequested) return CANCELLED.reason ?? undefined;
  if (details?.notFound) return ENDED_IN_TEMPORAL;
  return undefined;
}
