import { ApplicationFailure } from '@temporalio/activity';
import type { BegunRun } from '../db/begin-run.ts';
import { CANCELLED } from '../db/run-progress.ts';
import { isHook } from '../domain/hook.ts';
import type { HttpTargetAnswer } from '../domain/http-target.ts';
import { STATUS_DEFAULTS } from '../domain/http-status.ts';
import type { PlaceholderValues } from '../domain/placeholder.ts';
import { callHttp, type CallOutcome } from './call-http.ts';
import type { CallControl } from './calls-under-way.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { endAttempt, type EndedAttempt } from './ended-attempt.ts';
import { withHookBody } from './hook-body.ts';
import { prepareCall } from './prepare-call.ts';
import { traceCall } from './trace-run.ts';

/** Said of an attempt whose workflow was terminated or timed out: the reconciler finds out which. */
export const ENDED_IN_TEMPORAL = 'the run was ended in Temporal';

/**
 * Makes the call of one attempt of a run: to the target of its job, or to that of a hook.
 * @throws ApplicationFailure if the call was broken off, and not because the run is to end: it says nothing about the target
 */
export async function makeAttempt(
  { dispatcher, secrets }: Pick<ActivityDependencies, 'dispatcher' | 'secrets'>,
  control: CallControl,
  run: BegunRun,
  target: HttpTargetAnswer,
  values: PlaceholderValues,
): Promise<EndedAttempt> {
  const startedAt = new Date();
  const outcome = await call();
  const brokenOff = outcome.verdict !== 'succeeded' && control.cancellationSignal.aborted;
  const cancellation = brokenOff ? findCancellation(control.cancellationDetails) : undefined;
  if (brokenOff && cancellation === undefined) {
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
        verdict: cancellation === undefined ? judged : 'cancelled',
        error: cancellation ?? outcome.error,
      },
      run.retry,
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
    return traceCall(prepared, Number(values.attempt), (traced) =>
      callHttp(dispatcher, traced, rules, control.cancellationSignal),
    );
  }
}

/** Why Temporal wanted the run to end; undefined if it did not, and only this worker is to stop. */
function findCancellation(details: CallControl['cancellationDetails']): string | undefined {
  if (details?.cancelRequested) return CANCELLED.reason ?? undefined;
  if (details?.notFound) return ENDED_IN_TEMPORAL;
  return undefined;
}
