import { WorkflowNotFoundError, type Client, type WorkflowExecutionDescription } from '@temporalio/client';
import type { RunRow } from '../../db/schema.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';

/** What names the workflow of a run. Without `temporal_run_id`, it is the latest one with that id. */
type WorkflowOfRun = Pick<RunRow, 'workflow_id' | 'temporal_run_id'>;

const handleOf = (temporal: Client, run: WorkflowOfRun) =>
  temporal.workflow.getHandle(run.workflow_id, run.temporal_run_id ?? undefined);

/** Describes the workflow of a run; undefined if Temporal knows none. */
export async function describeWorkflow(
  temporal: Client,
  run: WorkflowOfRun,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await withinDeadline(temporal, () => handleOf(temporal, run).describe());
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Asks Temporal to cancel the workflow of a run. Does nothing for a workflow that is closed or unknown. */
export async function cancelWorkflow(temporal: Client, run: WorkflowOfRun): Promise<void> {
  try {
    await withinDeadline(temporal, () => handleOf(temporal, run).cancel());
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

/** Terminates the workflow of a run. Does nothing for a workflow that is closed or unknown. */
export async function terminateWorkflow(temporal: Client, run: WorkflowOfRun, reason: string): Promise<void> {
  try {
    await withinDeadline(temporal, () => handleOf(temporal, run).terminate(reason));
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
