import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  defineSignal,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities, CallActivities } from '../activities/index.ts';
import {
  decodeStep,
  HEARTBEAT_TIMEOUT_MS,
  PERMIT_SIGNAL,
  RUN_FAILED,
  type DelegatedAttempt,
  type NextStep,
  type RunJobInput,
  type RunJobResult,
  type RunJobTask,
  type StepOnWire,
} from '../domain/run/workflow-contract.ts';
import { runUserTarget } from './run-user-target.ts';

const { runHttpTarget } = proxyActivities<Activities>({
  // One call takes 15 minutes at most (domain/target/http-target.ts). A dead worker is noticed much
  // sooner, by its silence.
  startToCloseTimeout: '16 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
  // A run that is cancelled ends once its last call has ended.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  // The job decides how many attempts there are and how far apart: the activity names the delay when it
  // fails. These intervals are for faults of the service, such as a database that is down.
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '10 seconds' },
});

// Takes some seconds at most. If it fails for another reason than its run, runHttpTarget continues.
const { startCall } = proxyLocalActivities<Activities>({
  startToCloseTimeout: '30 seconds',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: { maximumAttempts: 1 },
});

/**
 * The activities of the one process that has the call in flight. It aborts a call that they have not
 * attached to in time.
 */
const activitiesAt = (taskQueue: string) =>
  proxyActivities<CallActivities>({
    taskQueue,
    scheduleToStartTimeout: HEARTBEAT_TIMEOUT_MS,
    startToCloseTimeout: '16 minutes',
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    retry: { maximumAttempts: 1 },
  });

const { recordOutcome } = proxyActivities<Activities>({
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '10 seconds' },
});

const { recordCancelled } = proxyActivities<Activities>({
  startToCloseTimeout: '30 seconds',
  // After that, the reconciler records it.
  scheduleToCloseTimeout: '5 minutes',
});

const permitSignal = defineSignal(PERMIT_SIGNAL);

/** Carries out one run of a job. Fails when the run fails, so that Temporal shows it as failed. */
export function runJob(input: RunJobInput): Promise<RunJobResult> {
  return carryOut(input, () => Promise.resolve(RETRY_NOW));
}

/**
 * Carries out one run of a job, and makes its first call in a local activity. It is a workflow of its
 * own because workers of older versions do not know it: they must not continue a run that began with
 * other commands than theirs.
 */
export function runHttpJob(input: RunJobInput): Promise<RunJobResult> {
  // The time in a workflow is when Temporal gave this task to the worker.
  return carryOut(input, (task) => stepOrRetry(() => startCall(task, Date.now())));
}

/** The activity runHttpTarget makes the next attempt, at once. */
const RETRY_NOW: NextStep = { next: 'retry', delayMs: 0 };

/** Takes one step after another until the run is done. */
async function carryOut(
  input: RunJobInput,
  takeFirstStep: (task: RunJobTask) => Promise<NextStep>,
): Promise<RunJobResult> {
  const task = { ...input, scheduledAt: input.scheduledAt ?? nominalTime(), ...deadlineOf(input) };
  let grants = 0;
  let grantsBefore = 0;
  let unrecorded: NextStepOf<'retry'>['unrecorded'];
  setHandler(permitSignal, () => void grants++);

  const makeAttempt = async () => {
    grantsBefore = grants;
    return decodeStep(await (unrecorded ? runHttpTarget(task, unrecorded) : runHttpTarget(task)));
  };
  try {
    let step = await takeFirstStep(task);
    for (;;) {
      switch (step.next) {
        case 'done':
          return step.result;
        case 'attach':
          step = await attach(task, step.taskQueue);
          break;
        case 'delegate':
          step = await makeDelegated(task, step.attempt);
          break;
        case 'waitForPermit':
          await condition(() => grants > grantsBefore, step.waitMs);
          step = await makeAttempt();
          break;
        case 'retry':
          unrecorded ??= step.unrecorded;
          if (step.delayMs > 0) await sleep(step.delayMs);
          step = await makeAttempt();
          break;
      }
    }
  } catch (error) {
    if (!CancellationScope.current().consideredCancelled || isRunFailed(error)) throw error;
    // Temporal does not retry an activity that is to be cancelled. Whatever it failed with, the run
    // ends here.
    const record = () => (unrecorded ? recordCancelled(task, unrecorded) : recordCancelled(task));
    await CancellationScope.nonCancellable(() => record().catch(() => undefined));
    throw new CancelledFailure('the run was cancelled');
  }
}

type NextStepOf<Next extends NextStep['next']> = Extract<NextStep, { next: Next }>;

/**
 * The step that an activity answers. If the activity fails for another reason than its run,
 * runHttpTarget continues.
 */
async function stepOrRetry(activity: () => Promise<StepOnWire>): Promise<NextStep> {
  try {
    return decodeStep(await activity());
  } catch (error) {
    if (isRunFailed(error) || isCancellation(error)) throw error;
    return RETRY_NOW;
  }
}

/**
 * Waits for the end of a call that is in flight in another process. If the run is cancelled, aborts the
 * call and records that.
 */
const attach = (task: RunJobTask, taskQueue: string): Promise<NextStep> =>
  stepOrRetry(async () => {
    const { awaitCall } = activitiesAt(taskQueue);
    try {
      return await awaitCall(task, { isCancelled: false });
    } catch (error) {
      if (!isCancellation(error)) throw error;
    }
    // Cancelled before the activity started: the process does not know it yet. The run ends as the call does.
    return CancellationScope.nonCancellable(() => awaitCall(task, { isCancelled: true }));
  });

/** Makes a delegated attempt, and has its outcome recorded, even if the run is cancelled in the meantime. */
async function makeDelegated(task: RunJobTask, attempt: DelegatedAttempt): Promise<NextStep> {
  const outcome = await runUserTarget(attempt);
  return decodeStep(await CancellationScope.nonCancellable(() => recordOutcome(task, outcome)));
}

/** Tells whether an activity failed because the run failed, which is on record then. */
function isRunFailed(error: unknown): boolean {
  // The failure of a local activity comes without a wrapper.
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && cause.type === RUN_FAILED;
}

/**
 * The timeout and the deadline of the run. Older versions gave the timeout to Temporal as the
 * workflow's execution timeout.
 */
function deadlineOf({ timeoutMs, deadline }: RunJobInput): Pick<RunJobTask, 'timeoutMs' | 'deadline'> {
  const { startTime, executionTimeoutMs } = workflowInfo();
  const allowedMs = timeoutMs ?? executionTimeoutMs;
  if (!allowedMs) return {};
  const end = deadline ?? new Date(startTime.getTime() + allowedMs).toISOString();
  return { timeoutMs: allowedMs, deadline: end };
}

/** The instant for which a Temporal Schedule started this workflow, however late it did. */
function nominalTime(): string {
  const [instant] = workflowInfo().searchAttributes['TemporalScheduledStartTime'] ?? [];
  if (!(instant instanceof Date))
    throw new Error('this run was not started by a schedule, and was given no scheduledAt');
  return instant.toISOString();
}
