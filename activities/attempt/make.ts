import { ApplicationFailure } from '@temporalio/activity';
import type { ActivityCancellationDetails } from '@temporalio/common';
import { CANCELLED } from '../../db/runs/run-progress.ts';
import { durationMs } from '../../domain/duration.ts';
import { isHook } from '../../domain/run/hook-trigger.ts';
import type { AttemptResult, NextStep } from '../../domain/run/workflow-contract.ts';
import { STATUS_DEFAULTS } from '../../domain/target/http-status.ts';
import type { StoredHttpTarget } from '../../domain/target/http-target.ts';
import { callHttp, type CallOutcome } from '../call/call-http.ts';
import { placeholdersOf, prepareCall } from '../call/prepare-call.ts';
import { CLOCK_SKEW_MS, type ReadyAttempt } from './begin.ts';
import type { ActivityDependencies } from './context.ts';
import { type AttemptOutcome, describeDeadline, finish, type Recorded, toResult } from './record.ts';
import { traceAttempt, traceCall } from './trace.ts';

/**
 * What follows the preamble in every attempt: makes it, records it, and answers the next step.
 * @throws ApplicationFailure if the run failed with it
 */
export async function completeAttempt(
  { run, number }: Pick<ReadyAttempt, 'run' | 'number'>,
  make: () => Promise<AttemptResult>,
  record: (result: AttemptResult) => Promise<Recorded>,
): Promise<NextStep> {
  const { result, recorded } = await traceAttempt(run, number, async () => {
    const result = await make();
    return { result, recorded: await record(result) };
  });
  if (recorded === 'unrecorded') return { next: 'retry', delayMs: 0, unrecorded: result };
  if (recorded !== 'open') return finish({ id: run.id, attempts: [result.attempt], ...recorded });
  if (result.isClosedInTemporal)
    throw ApplicationFailure.nonRetryable(result.attempt.error ?? 'the workflow is closed', 'Ended');
  const message = `attempt ${number} failed: ${result.attempt.error}`;
  return { next: 'retry', delayMs: result.retryDelayMs, cause: { type: 'AttemptFailed', message } };
}

/** What can abort a call: the context of an activity, or something that outlives it. */
export interface CallControl {
  readonly cancellationSignal: AbortSignal;
  readonly cancellationDetails: Pick<ActivityCancellationDetails, 'cancelRequested' | 'notFound'> | undefined;
}

/**
 * Makes the HTTP call of one attempt: to the target of the job, or to the target of a hook. The
 * deadline of the run aborts it.
 * @throws ApplicationFailure `Interrupted` if the worker aborted the call: that says nothing about the
 * target
 */
export async function makeAttempt(
  dependencies: Pick<ActivityDependencies, 'dispatcher' | 'secrets' | 'metrics'>,
  control: CallControl,
  ready: ReadyAttempt,
  target: StoredHttpTarget,
): Promise<AttemptResult> {
  const { run, number, token, task } = ready;
  const { deadline } = run;
  const startedAt = new Date();
  dependencies.metrics.attemptStarted(run, number, new Date(task.scheduledAt), startedAt);
  const leftMs = deadline ? deadline.at.getTime() - startedAt.getTime() : Infinity;
  // A timer cannot run for weeks, and no deadline matters that comes after the call's own timeout.
  const isDeadlineFirst = leftMs < durationMs(target.timeout);
  const deadlineSignal = isDeadlineFirst ? AbortSignal.timeout(Math.max(0, leftMs)) : undefined;
  const { cancellationSignal } = control;
  const signal = deadlineSignal ? AbortSignal.any([cancellationSignal, deadlineSignal]) : cancellationSignal;

  const outcome = await callTarget(dependencies, ready, target, startedAt, signal);
  const endedAt = new Date();
  const interruption =
    outcome.verdict === 'succeeded'
      ? undefined
      : findInterruption(control, {
          isDeadlineOver: deadlineSignal?.aborted ?? false,
          leftMs: leftMs - (endedAt.getTime() - startedAt.getTime()),
        });
  if (interruption === 'worker')
    throw ApplicationFailure.retryable(
      'the worker aborted the call: it stops or is not heard',
      'Interrupted',
    );

  const result = toResult({ ...outcome, number, startedAt, endedAt, ...endOf(interruption) }, run, token);
  // A hook whose target is gone is no reason to pause the job.
  if (outcome.verdict === 'gone' && !isHook(run.trigger)) result.goneUrl = target.url;
  if (interruption === 'closedInTemporal') result.isClosedInTemporal = true;
  return result;

  function endOf(interruption: Interruption | undefined): Pick<AttemptOutcome, 'verdict' | 'error'> {
    if (interruption === 'deadline' && deadline)
      return { verdict: 'timedOut', error: describeDeadline(deadline) };
    if (interruption === 'cancelled') return { verdict: 'cancelled', error: CANCELLED.reason };
    if (interruption === 'closedInTemporal')
      return { verdict: 'cancelled', error: 'the run was ended in Temporal' };
    return { verdict: outcome.verdict === 'gone' ? 'final' : outcome.verdict, error: outcome.error };
  }
}

/**
 * Who aborted a call: a cancellation of the run, its deadline, somebody who closed its workflow in Temporal,
 * or the worker.
 */
type Interruption = 'cancelled' | 'deadline' | 'closedInTemporal' | 'worker';

/** Finds out who aborted a failed call; undefined if nobody did, so that the target is to blame. Pure. */
export function findInterruption(
  { cancellationSignal, cancellationDetails: details }: CallControl,
  { isDeadlineOver, leftMs }: { isDeadlineOver: boolean; leftMs: number },
): Interruption | undefined {
  const isAborted = cancellationSignal.aborted;
  if (isAborted && details?.cancelRequested) return 'cancelled';
  if (isDeadlineOver) return 'deadline';
  if (!isAborted) return undefined;
  if (!details?.notFound) return 'worker';
  // Temporal times the workflow out at about the deadline.
  return leftMs < CLOCK_SKEW_MS ? 'deadline' : 'closedInTemporal';
}

/** Prepares the call, and makes it. Never throws: a call that cannot be prepared is an outcome, too. */
async function callTarget(
  { dispatcher, secrets }: Pick<ActivityDependencies, 'dispatcher' | 'secrets'>,
  { run, number, token, task }: ReadyAttempt,
  target: StoredHttpTarget,
  now: Date,
  signal: AbortSignal,
): Promise<CallOutcome> {
  let prepared;
  try {
    prepared = prepareCall(run, target, placeholdersOf(task, run.id, { number, token }), secrets, now);
  } catch (error) {
    // Mostly a key that this worker does not have. The worker of another attempt may have it.
    const message = error instanceof Error ? error.message : String(error);
    return { verdict: 'retryable', statusCode: null, error: message, responseExcerpt: null };
  }
  const rules = { ...STATUS_DEFAULTS, ...target, ...run.retry };
  return traceCall(prepared, number, (traced) => callHttp(dispatcher, traced, rules, signal));
}
