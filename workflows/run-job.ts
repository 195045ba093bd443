import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { RUN_FAILED } from '../domain/run-failed.ts';
import type { RunJobInput, RunJobResult } from '../domain/run-job.ts';

const { runHttpTarget } = proxyActivities<Activities>({
  // One call takes 15 minutes at most (domain/target.ts); a worker that died is noticed much sooner, by its silence.
  startToCloseTimeout: '16 minutes',
  heartbeatTimeout: '15 seconds',
  // A run that was cancelled ends once its last call has ended.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  // How many calls there are, and how far apart, is for the job to say: the activity asks for its next attempt by
  // itself. These waits are for faults of ours, such as a database that is away.
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '10 seconds' },
});

const { recordCancelled } = proxyActivities<Activities>({
  startToCloseTimeout: '30 seconds',
  // What is not recorded by then, the reconciler records.
  scheduleToCloseTimeout: '5 minutes',
});

/** Carries out one run of a job. Fails when the run fails, so that Temporal shows it as failed. */
export async function runJob(input: RunJobInput): Promise<RunJobResult> {
  const task = { ...input, scheduledAt: input.scheduledAt ?? nominalTime() };
  try {
    return await runHttpTarget(task);
  } catch (error) {
    if (!CancellationScope.current().consideredCancelled || hasFailed(error)) throw error;
    // Temporal tries no activity again that is to be cancelled: whatever it failed with, the run ends here.
    await CancellationScope.nonCancellable(() => recordCancelled(task).catch(() => undefined));
    throw new CancelledFailure('the run was cancelled');
  }
}

/** Tells whether the run itself had failed, and has that on record, before it could be cancelled. */
const hasFailed = (error: unknown) =>
  error instanceof ActivityFailure &&
  error.cause instanceof ApplicationFailure &&
  error.cause.type === RUN_FAILED;

/** The instant for which Temporal's scheduler started this workflow, however late it did. */
function nominalTime(): string {
  const [instant] = workflowInfo().searchAttributes['TemporalScheduledStartTime'] ?? [];
  if (!(instant instanceof Date))
    throw new Error('this run was not started by a schedule, and was given no scheduledAt');
  return instant.toISOString();
}
