import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { cancelUnstarted, requestCancel } from '../../db/runs/cancellation.ts';
import type { RunRow } from '../../db/schema.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { SyncDependencies } from '../schedules/sync.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';

/** So soon the reconciler makes sure that the run has ended. */
const CHECK_AFTER_MS = 2 * SECOND_MS;

/**
 * Ends a run: at once if it has not begun, else by asking Temporal, which breaks off the call in flight. What can not be
 * asked now the reconciler asks later, and no further attempt begins meanwhile. Answers the run as it then is;
 * undefined if there is none, or if it has ended.
 */
export async function requestCancellation(
  dependencies: SyncDependencies,
  namespace: string,
  runId: string,
  now: Date,
): Promise<RunRow | undefined> {
  const { db, temporal, breaker, logger } = dependencies;
  const checkAt = new Date(now.getTime() + CHECK_AFTER_MS);
  const run =
    (await cancelUnstarted(db, namespace, runId, now)) ??
    (await requestCancel(db, namespace, runId, now, checkAt));
  if (!run) return undefined;
  try {
    await breaker.attempt(() => cancelWorkflow(temporal, run));
  } catch (error) {
    logger.warn({ err: error, jobId: run.job_id, runId }, 'could not ask Temporal to cancel a run yet');
  }
  return run;
}

/** Asks Temporal to cancel the workflow of a run. One that is closed, or unknown, there is nothing to ask of. */
export async function cancelWorkflow(
  temporal: Client,
  run: Pick<RunRow, 'workflow_id' | 'temporal_run_id'>,
): Promise<void> {
  const handle = temporal.workflow.getHandle(run.workflow_id, run.temporal_run_id ?? undefined);
  try {
    await withinDeadline(temporal, () => handle.cancel());
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
