import {
  CancellationScope,
  CancelledFailure,
  executeChild,
  ParentClosePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import type { RunBackfillInput, RunJobInput } from '../domain/run/workflow-contract.ts';
import { runJob } from './run-job.ts';

/**
 * Carries out the runs of a backfill, each in a child workflow. A run that fails does not stop the
 * others.
 */
export async function runBackfill(input: RunBackfillInput): Promise<{ succeeded: number; failed: number }> {
  const result = { succeeded: 0, failed: 0 };
  const carryOut = async ({ runId, workflowId, scheduledAt }: RunBackfillInput['runs'][number]) => {
    const { jobId, generation, timeoutMs, workflowTimeoutMs } = input;
    const run: RunJobInput = { jobId, generation, trigger: 'backfill', runId, scheduledAt };
    if (timeoutMs !== undefined && workflowTimeoutMs !== undefined) run.timeoutMs = timeoutMs;
    const executionTimeoutMs = workflowTimeoutMs ?? timeoutMs;
    try {
      await executeChild(runJob, {
        workflowId,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        args: [run],
        typedSearchAttributes: workflowInfo().typedSearchAttributes,
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        ...(executionTimeoutMs === undefined ? {} : { workflowExecutionTimeout: executionTimeoutMs }),
      });
      result.succeeded++;
    } catch {
      // The run's own record says why.
      result.failed++;
    }
  };
  if (input.overlap === 'allowAll') await Promise.all(input.runs.map(carryOut));
  else for (const run of input.runs) await carryOut(run);
  // A cancelled backfill must not look complete: the reconciler would start the runs that are left.
  if (CancellationScope.current().consideredCancelled)
    throw new CancelledFailure('the backfill was cancelled');
  return result;
}
