import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  ChildWorkflowFailure,
  executeChild,
  ParentClosePolicy,
  proxyActivities,
  sleep,
  TerminatedFailure,
  TimeoutFailure,
  workflowInfo,
} from '@temporalio/workflow';
import { TypedSearchAttributes, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { DelegatedAttempt, DelegatedOutcome } from '../domain/run/workflow-contract.ts';

/** How long a run that is cancelled waits for the end of what it has started; then it ends all the same. */
const CANCEL_GRACE = '30 seconds';
/** Characters of a result that are handed on to be recorded. */
const RESULT_LENGTH = 2_000;

/**
 * Makes one attempt of a run whose target is a workflow or an activity of the user's own. Never fails: whatever goes
 * wrong is an outcome. A failure that its author calls non-retryable is final, and so is an end that somebody made in
 * Temporal.
 */
export async function runUserTarget(step: DelegatedAttempt): Promise<DelegatedOutcome> {
  const { number } = step;
  const startedAt = new Date().toISOString();
  const end = (outcome: Pick<DelegatedOutcome, 'verdict'> & Partial<DelegatedOutcome>): DelegatedOutcome => ({
    error: null,
    result: null,
    ...outcome,
    number,
    startedAt,
    endedAt: new Date().toISOString(),
  });
  try {
    const result = await untilDeadline(step, () => Promise.race([execute(step), graceAfterCancel()]));
    return end({ verdict: 'succeeded', result: JSON.stringify(result)?.slice(0, RESULT_LENGTH) ?? null });
  } catch (error) {
    if (error instanceof GraceOver) {
      const message = `the run was cancelled; its ${step.kind} had not ended ${CANCEL_GRACE} later`;
      return end({ verdict: 'cancelled', error: message });
    }
    // What it started is asked to end as soon as the run has.
    if (error instanceof DeadlineOver)
      return end({ verdict: CancellationScope.current().consideredCancelled ? 'cancelled' : 'timedOut' });
    return end(judge(error, step));
  }
}

function execute(step: DelegatedAttempt): Promise<unknown> {
  const { name, taskQueue, args, timeoutMs } = step;
  if (step.kind === 'workflow') {
    return executeChild(name, {
      workflowId: step.workflowId,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      taskQueue,
      args,
      typedSearchAttributes: searchAttributes(),
      // A run that ends before its child, by its timeout or because it was ended in Temporal, asks it to end.
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: 'WAIT_CANCELLATION_COMPLETED',
      ...(timeoutMs === undefined ? {} : { workflowExecutionTimeout: timeoutMs }),
    });
  }
  const activities = proxyActivities({
    taskQueue,
    // How often it is tried is for the job to say, and each attempt is recorded.
    retry: { maximumAttempts: 1 },
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    ...(timeoutMs === undefined ? {} : { startToCloseTimeout: timeoutMs }),
    ...(step.heartbeatTimeoutMs === undefined ? {} : { heartbeatTimeout: step.heartbeatTimeoutMs }),
  });
  return (activities[name] as (...args: unknown[]) => Promise<unknown>)(...args);
}

/** Those of the run, by which operators find its job; what Temporal adds to a scheduled workflow is for that alone. */
function searchAttributes(): TypedSearchAttributes {
  const all = workflowInfo().typedSearchAttributes.getAll();
  return new TypedSearchAttributes(all.filter(({ key }) => !key.name.startsWith('Temporal')));
}

class GraceOver extends Error {}

/** Fails when a cancelled run has waited long enough for what it started. */
async function graceAfterCancel(): Promise<never> {
  await CancellationScope.current().cancelRequested.catch(() => undefined);
  await CancellationScope.nonCancellable(() => sleep(CANCEL_GRACE));
  throw new GraceOver();
}

class DeadlineOver extends Error {}

/** Fails when the run has to end. A timer only if the step says so: runs that an older version began have none. */
async function untilDeadline<Result>(
  { deadline }: DelegatedAttempt,
  work: () => Promise<Result>,
): Promise<Result> {
  if (deadline === undefined) return work();
  // A run that is cancelled waits for what it has started, and no longer than its deadline either.
  let timer: CancellationScope | undefined;
  const end = CancellationScope.nonCancellable(() => {
    timer = new CancellationScope();
    return timer.run(async () => {
      await sleep(Math.max(1, Date.parse(deadline) - Date.now()));
      throw new DeadlineOver();
    });
  });
  try {
    return await Promise.race([work(), end]);
  } finally {
    timer?.cancel();
  }
}

function judge(
  error: unknown,
  { kind, timeoutMs, heartbeatTimeoutMs }: DelegatedAttempt,
): Pick<DelegatedOutcome, 'verdict' | 'error'> & Partial<DelegatedOutcome> {
  const cause =
    error instanceof ActivityFailure || error instanceof ChildWorkflowFailure ? error.cause : error;
  if (cause instanceof CancelledFailure) {
    const wanted = CancellationScope.current().consideredCancelled;
    return { verdict: 'cancelled', error: wanted ? null : `its ${kind} was cancelled in Temporal` };
  }
  if (cause instanceof TerminatedFailure)
    return { verdict: 'final', error: `its ${kind} was terminated in Temporal` };
  if (cause instanceof TimeoutFailure) {
    const isSilent = cause.timeoutType === 'HEARTBEAT';
    const seconds = (isSilent ? heartbeatTimeoutMs : timeoutMs) ?? 0;
    const what = isSilent ? 'sent no heartbeat for' : 'did not end within';
    return { verdict: 'retryable', error: `the ${kind} ${what} ${seconds / 1_000} s` };
  }
  if (cause instanceof ApplicationFailure) {
    return {
      verdict: cause.nonRetryable ? 'final' : 'retryable',
      error: `the ${kind} failed: ${describe(cause)}`,
    };
  }
  const isFinal = error instanceof WorkflowExecutionAlreadyStartedError;
  return { verdict: isFinal ? 'final' : 'retryable', error: `the ${kind} failed: ${describe(cause)}` };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message === '' ? error.name : error.message;
}
