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
import type { RunGoesOn } from '../activities/attempt/call-result.ts';
import type { Activities, CallActivities } from '../activities/index.ts';
import { RUN_FAILED, PERMIT_SIGNAL } from '../domain/run/temporal-names.ts';
import type {
  DelegatedAttempt,
  RunJobInput,
  RunJobResult,
  RunJobTask,
} from '../domain/run/workflow-contract.ts';
import { runUserTarget } from './run-user-target.ts';

const { runHttpTarget: runTarget } = proxyActivities<Activities>({
  // One call takes 15 minutes at most (domain/target/http-target.ts); a worker that died is noticed much sooner, by its silence.
  startToCloseTimeout: '16 minutes',
  heartbeatTimeout: '15 seconds',
  // A run that was cancelled ends once its last call has ended.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  // How many calls there are, and how far apart, is for the job to say: the activity asks for its next attempt by
  // itself. These waits are for faults of ours, such as a database that is away.
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '10 seconds' },
});

// It takes some seconds at most. If anything but the run itself fails there, runTarget goes on.
const { startCall } = proxyLocalActivities<Activities>({
  startToCloseTimeout: '30 seconds',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: { maximumAttempts: 1 },
});

/** Of the one process that makes the call. A call that it has not been asked after in time is broken off by then. */
const callsOf = (taskQueue: string) =>
  proxyActivities<CallActivities>({
    taskQueue,
    scheduleToStartTimeout: '15 seconds',
    startToCloseTimeout: '16 minutes',
    heartbeatTimeout: '15 seconds',
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    retry: { maximumAttempts: 1 },
  });

const { recordOutcome } = proxyActivities<Activities>({
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '10 seconds' },
});

const { recordCancelled } = proxyActivities<Activities>({
  startToCloseTimeout: '30 seconds',
  // What is not recorded by then, the reconciler records.
  scheduleToCloseTimeout: '5 minutes',
});

const permitSignal = defineSignal(PERMIT_SIGNAL);

/** Carries out one run of a job. Fails when the run fails, so that Temporal shows it as failed. */
export function runJob(input: RunJobInput): Promise<RunJobResult> {
  return carryOut(input, () => Promise.resolve(GOES_ON));
}

/**
 * The same for a run that begins its first call in a local activity. A workflow of its own, for old workers do not know it:
 * what they began they would go on with otherwise, and take other steps than new ones.
 */
export function runHttpJob(input: RunJobInput): Promise<RunJobResult> {
  return carryOut(input, makeLocalCall);
}

async function carryOut(
  input: RunJobInput,
  makeFirstCall: (task: RunJobTask) => Promise<RunJobResult | RunGoesOn>,
): Promise<RunJobResult> {
  const task = { ...input, scheduledAt: input.scheduledAt ?? nominalTime(), ...deadlineOf(input) };
  let turns = 0;
  let made: RunGoesOn['made'];
  setHandler(permitSignal, () => void turns++);
  try {
    const first = await makeFirstCall(task);
    if (first.state !== 'goesOn') return first;
    ({ made } = first);
    if (first.delayMs > 0) await sleep(first.delayMs);
    for (;;) {
      const grantsBefore = turns;
      const step = made ? await runTarget(task, made) : await runTarget(task);
      if (step.state === 'waiting') await condition(() => turns > grantsBefore, step.waitMs);
      else if (step.state !== 'handedOver') return step;
      else {
        const next = await attempt(task, step);
        if (next.state !== 'retrying') return next;
        await sleep(next.delayMs);
      }
    }
  } catch (error) {
    if (!CancellationScope.current().consideredCancelled || hasFailed(error)) throw error;
    // Temporal tries no activity again that is to be cancelled: whatever it failed with, the run ends here.
    const record = () => (made ? recordCancelled(task, made) : recordCancelled(task));
    await CancellationScope.nonCancellable(() => record().catch(() => undefined));
    throw new CancelledFailure('the run was cancelled');
  }
}

const GOES_ON: RunGoesOn = { state: 'goesOn', delayMs: 0 };

async function makeLocalCall(task: RunJobTask): Promise<RunJobResult | RunGoesOn> {
  try {
    const first = await startCall(task);
    if (first.state !== 'goesOn' || first.taskQueue === undefined) return first;
    return await fetchCall(task, first.taskQueue);
  } catch (error) {
    if (hasFailed(error) || isCancellation(error)) throw error;
    return GOES_ON;
  }
}

/** Waits for a call that takes longer. If the run is cancelled, the call is broken off, and recorded. */
async function fetchCall(task: RunJobTask, taskQueue: string): Promise<RunJobResult | RunGoesOn> {
  const { awaitCall } = callsOf(taskQueue);
  try {
    return await awaitCall(task, { isCancelled: false });
  } catch (error) {
    if (!isCancellation(error)) throw error;
  }
  // Cancelled before it began: once it has, it ends as its call does. The call knows nothing of it yet.
  return CancellationScope.nonCancellable(() => awaitCall(task, { isCancelled: true }));
}

/** Makes an attempt that only a workflow can make, and has it recorded, also if the run is cancelled meanwhile. */
async function attempt(task: RunJobTask, step: DelegatedAttempt) {
  const outcome = await runUserTarget(step);
  return CancellationScope.nonCancellable(() => recordOutcome(task, outcome));
}

/** Tells whether the run itself had failed, and has that on record, before it could be cancelled. */
function hasFailed(error: unknown): boolean {
  // What a local activity fails with comes as it is.
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && cause.type === RUN_FAILED;
}

/** When the run ends by its timeout. Older versions had Temporal end its workflow at that moment. */
function deadlineOf({ timeoutMs, deadline }: RunJobInput): Pick<RunJobTask, 'timeoutMs' | 'deadline'> {
  const { startTime, executionTimeoutMs } = workflowInfo();
  const allowedMs = timeoutMs ?? executionTimeoutMs;
  if (!allowedMs) return {};
  const end = deadline ?? new Date(startTime.getTime() + allowedMs).toISOString();
  return { timeoutMs: allowedMs, deadline: end };
}

/** The instant for which Temporal's scheduler started this workflow, however late it did. */
function nominalTime(): string {
  const [instant] = workflowInfo().searchAttributes['TemporalScheduledStartTime'] ?? [];
  if (!(instant instanceof Date))
    throw new Error('this run was not started by a schedule, and was given no scheduledAt');
  return instant.toISOString();
}
