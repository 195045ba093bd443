import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { CANCELLED, type RunEnd } from '../../db/runs/run-progress.ts';
import type { JobRow, RunRow } from '../../db/schema.ts';
import { durationMs } from '../../domain/duration.ts';
import { reasonFor } from '../../domain/run/reasons.ts';
import { describeTimeout } from '../../domain/run/run-deadline.ts';
import type { RunJobResult } from '../../domain/run/workflow-contract.ts';
import { findClosingReason } from './closing-reason.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';

/** How a run ended whose workflow is closed, and which no worker recorded. @throws any error of Temporal's client */
export async function findEnd(
  temporal: Client,
  found: WorkflowExecutionDescription,
  job: JobRow,
  run: RunRow,
): Promise<RunEnd> {
  const { name } = found.status;
  if (name === 'TIMED_OUT') return timedOut(job, run);
  if (name === 'CANCELLED') return CANCELLED;
  if (name === 'TERMINATED')
    return { state: 'cancelled', ...(await findClosingReason(temporal, found, 'terminated')) };
  if (name === 'COMPLETED') return await findResult(temporal, found);
  return { state: 'failed', ...(await findClosingReason(temporal, found, 'workflowFailed')) };
}

/** The end of a run that reached its deadline. Its job may have another timeout by now, or none. Pure. */
export function timedOut(job: JobRow, run: RunRow): RunEnd {
  const timeout = run.timeout ?? job.timeout;
  const words = timeout === null ? undefined : describeTimeout({ timeoutMs: durationMs(timeout) });
  return { state: 'timedOut', ...reasonFor('timeoutReached', words) };
}

/**
 * The end of a run by the result of its workflow: it was no occurrence, or its record was lost when a backup
 * was restored.
 */
async function findResult(
  temporal: Client,
  { workflowId, runId }: WorkflowExecutionDescription,
): Promise<RunEnd> {
  const handle = temporal.workflow.getHandle(workflowId, runId);
  const result = (await withinDeadline(temporal, () => handle.result())) as RunJobResult;
  return result.state === 'succeeded'
    ? { state: 'succeeded', ...reasonFor('recordedLater') }
    : { state: 'skipped', ...reasonFor('scheduleChanged') };
}
