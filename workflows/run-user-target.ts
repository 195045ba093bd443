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

/** How long a cancelled run waits for the end of its delegated attempt. Then it ends anyway. */
const CANCEL_GRACE = '30 seconds';
/** Characters of a result that are recorded at most. */
const RESULT_LENGTH = 2_000;

/**
 * Makes a delegated attempt: executes a workflow or an activity of the user. Never fails: a failure is
 * an outcome, too. A failure that the user's code calls non-retryable is final, and so is a workflow
 * that was terminated in Temporal.
 */
export async function runUserTarget(attempt: DelegatedAttempt): Promise<DelegatedOutcome> {
  const { number, token } = attempt;
  const startedAt = new Date().toISOString();
  const toOutcome = (
    outcome: Pick<DelegatedOutcome, 'verdict'> & Partial<DelegatedOutcome>,
  ): DelegatedOutcome => ({
    error: null,
    result: null,
    ...outcome,
    number,
    ...(token === undefined ? {} : { token }),
    startedAt,
    endedAt: new Date().toISOString(),
  });
  try {
    const result = await untilDeadline(attempt, () =>
      Promise.race([execute(attempt), failAfterCancelGrace()]),
    );
    return toOutcome({
      verdict: 'succeeded',
      result: JSON.stringify(result)?.slice(0, RESULT_LENGTH) ?? null,
    });
  } catch (error) {
    if (error instanceof CancelGraceOver) {
      const message = `the run was cancelled; its ${attempt.kind} had not ended ${CANCEL_GRACE} later`;
      return toOutcome({ verdict: 'cancelled', error: message });
    }
    // The parent close policy asks the user's workflow to end once the run has ended.
    if (error instanceof DeadlineOver)
      return toOutcome({
        verdict: CancellationScope.current().consideredCancelled ? 'cancelled' : 'timedOut',
      });
    return toOutcome(classifyFailure(error, attempt));
  }
}

function execute(attempt: DelegatedAttempt): Promise<unknown> {
  const { name, taskQueue, args, timeoutMs } = attempt;
  if (attempt.kind === 'workflow') {
    return executeChild(name, {
      workflowId: attempt.workflowId,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      taskQueue,
      args,
      typedSearchAttributes: searchAttributes(),
      // Applies if the run ends first, by its timeout or because its workflow was closed in Temporal.
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: 'WAIT_CANCELLATION_COMPLETED',
      ...(timeoutMs === undefined ? {} : { workflowExecutionTimeout: timeoutMs }),
    });
  }
  const activities = proxyActivities({
    taskQueue,
    // The job decides how many attempts there are, and each one is recorded.
    retry: { maximumAttempts: 1 },
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    ...(timeoutMs === undefined ? {} : { startToCloseTimeout: timeoutMs }),
    ...(attempt.heartbeatTimeoutMs === undefined ? {} : { heartbeatTimeout: attempt.heartbeatTimeoutMs }),
  });
  return (activities[name] as (...args: unknown[]) => Promise<unknown>)(...args);
}

/**
 * The run's search attributes, without those that Temporal adds to workflows of a schedule. Operators
 * find the job by them.
 */
function searchAttributes(): TypedSearchAttributes {
  const all = workflowInfo().typedSearchAttributes.getAll();
  return new TypedSearchAttributes(all.filter(({ key }) => !key.name.startsWith('Temporal')));
}

class CancelGraceOver extends Error {}

/** Rejects CANCEL_GRACE after the run was cancelled. */
async function failAfterCancelGrace(): Promise<never> {
  await CancellationScope.current().cancelRequested.catch(() => undefined);
  await CancellationScope.nonCancellable(() => sleep(CANCEL_GRACE));
  throw new CancelGraceOver();
}

class DeadlineOver extends Error {}

/**
 * Does work, and rejects at the deadline. Without a deadline there is no timer, as in the histories of
 * older versions.
 */
async function untilDeadline<Result>(
  { deadline }: DelegatedAttempt,
  work: () => Promise<Result>,
): Promise<Result> {
  if (deadline === undefined) return work();
  // Not cancellable: a cancelled run waits for its attempt until the deadline, too.
  let timer: CancellationScope | undefined;
  const deadlineOver = CancellationScope.nonCancellable(() => {
    timer = new CancellationScope();
    return timer.run(async () => {
      await sleep(Math.max(1, Date.parse(deadline) - Date.now()));
      throw new DeadlineOver();
    });
  });
  try {
    return await Promise.race([work(), deadlineOver]);
  } finally {
    timer?.cancel();
  }
}

/** Decides by the failure of a delegated attempt whether another one may succeed. */
function classifyFailure(
  error: unknown,
  { kind, timeoutMs, heartbeatTimeoutMs }: DelegatedAttempt,
): Pick<DelegatedOutcome, 'verdict' | 'error'> & Partial<DelegatedOutcome> {
  const cause =
    error instanceof ActivityFailure || error instanceof ChildWorkflowFailure ? error.cause : error;
  if (cause instanceof CancelledFailure) {
    const isRunCancelled = CancellationScope.current().consideredCancelled;
    return { verdict: 'cancelled', error: isRunCancelled ? null : `its ${kind} was cancelled in Temporal` };
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
