import { ApplicationFailure } from '@temporalio/activity';
import type { BegunRun } from '../../db/runs/begin-run.ts';
import { CANCELLED } from '../../db/runs/run-progress.ts';
import { durationMs } from '../../domain/duration.ts';
import { isHook } from '../../domain/run/hook-trigger.ts';
import type { StoredHttpTarget } from '../../domain/target/http-target.ts';
import { STATUS_DEFAULTS } from '../../domain/target/http-status.ts';
import type { PlaceholderValues } from '../../domain/target/placeholder.ts';
import { callHttp, type CallOutcome } from '../call/call-http.ts';
import type { CallControl } from './in-flight-calls.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { describeOverdue, endAttempt, type EndedAttempt } from './ended-attempt.ts';
import { withHookBody } from '../call/hook-body.ts';
import { prepareCall } from '../call/prepare-call.ts';
import { traceCall } from './trace-run.ts';

/** Said of an attempt whose workflow was terminated, or is otherwise gone: the reconciler finds out how it ended. */
export const ENDED_IN_TEMPORAL = 'the run was ended in Temporal';

/** The clocks of workers and of Temporal agree to within so much. */
export const CLOCKS_MS = 1_000;

/**
 * Makes the call of one attempt of a run: to the target of its job, or to that of a hook. The deadline of the run breaks
 * it off.
 * @throws ApplicationFailure if the call was broken off, and not because the run is to end: it says nothing about the target
 */
export async function makeAttempt(
  { dispatcher, secrets }: Pick<ActivityDependencies, 'dispatcher' | 'secrets'>,
  control: CallControl,
  run: BegunRun,
  target: StoredHttpTarget,
  values: PlaceholderValues,
): Promise<EndedAttempt> {
  const startedAt = new Date();
  const { deadline } = run;
  const leftMs = deadline ? deadline.at.getTime() - startedAt.getTime() : Infinity;
  // A timer can not run for weeks, and none is needed that outlasts the call.
  const overdue = leftMs < durationMs(target.timeout) ? AbortSignal.timeout(Math.max(0, leftMs)) : undefined;
  const outcome = await call();
  const failed = outcome.verdict !== 'succeeded';
  const brokenOff = failed && control.cancellationSignal.aborted;
  const cancellation = brokenOff ? findCancellation(control.cancellationDetails) : undefined;
  const isOverdue =
    (failed && overdue?.aborted) ||
    (cancellation === ENDED_IN_TEMPORAL && leftMs - msSince(startedAt) < CLOCKS_MS);
  const timedOut = deadline && isOverdue && cancellation !== CANCELLED.reason;
  if (brokenOff && cancellation === undefined && !timedOut) {
    throw ApplicationFailure.retryable(
      'the call was broken off by its worker, which stops or is not heard',
      'Interrupted',
    );
  }
  const isGone = outcome.verdict === 'gone';
  const judged = outcome.verdict === 'gone' ? 'final' : outcome.verdict;
  const ended: EndedAttempt = {
    ...endAttempt(
      {
        ...outcome,
        number: Number(values.attempt),
        startedAt,
        endedAt: new Date(),
        verdict: timedOut ? 'timedOut' : cancellation === undefined ? judged : 'cancelled',
        error: timedOut ? describeOverdue(deadline) : (cancellation ?? outcome.error),
      },
      run.retry,
      deadline,
    ),
    // A hook that is gone is no reason to pause the job.
    ...(isGone && !isHook(run.trigger) ? { goneUrl: target.url } : {}),
  };
  return ended;

  async function call(): Promise<CallOutcome> {
    let prepared;
    try {
      const owner = isHook(run.trigger) ? run.trigger : 'target';
      const { target: filled, values: more } = withHookBody(run, target, values);
      prepared = prepareCall({ target: filled, owner, secrets: run.secrets }, more, secrets, startedAt);
    } catch (error) {
      // A key that this worker does not have, above all: another attempt may find one that does.
      const message = error instanceof Error ? error.message : String(error);
      return { verdict: 'retryable', statusCode: null, error: message, responseExcerpt: null };
    }
    const rules = { ...STATUS_DEFAULTS, ...target, ...run.retry };
    const signals = overdue ? [control.cancellationSignal, overdue] : [control.cancellationSignal];
    return traceCall(prepared, Number(values.attempt), (traced) =>
      callHttp(dispatcher, traced, rules, AbortSignal.any(signals)),
    );
  }
}

const msSince = (time: Date) => Date.now() - time.getTime();

/** Why Temporal wanted the run to end; undefined if it did not, and only this worker is to stop. */
function findCancellation(details: CallControl['cancellationDetails']): string | undefined {
  if (details?.cancelRequested) return CANCELLED.reason ?? undefined;
  if (details?.notFound) return ENDED_IN_TEMPORAL;
  return undefined;
}
