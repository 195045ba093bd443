import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { CANCELLED, type RunEnd } from '../../db/runs/run-progress.ts';
import type { JobRow, RunRow } from '../../db/schema.ts';
import { durationMs } from '../../domain/duration.ts';
import { describeTimeout } from '../../domain/run/run-deadline.ts';
import type { RunJobResult } from '../../domain/run/workflow-contract.ts';
import { findClosingReason } from './closing-reason.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';

/** How a run ended whose workflow is closed, and which nobody recorded. @throws what keeps Temporal from saying so */
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
    return { state: 'cancelled', reason: await findClosingReason(temporal, found, 'the run was terminated') };
  if (name === 'COMPLETED') return await findResult(temporal, found);
  return { state: 'failed', reason: await findClosingReason(temporal, found, 'its workflow failed') };
}

/** How a run ends that took too long. A job may have another timeout by now, or none. */
export function timedOut(job: JobRow, run: RunRow): RunEnd {
  const timeout = run.timeout ?? job.timeout;
  const reason =
    timeout === null
      ? 'it took longer than its timeout'
      : describeTimeout({ timeoutMs: durationMs(timeout) });
  return { state: 'timedOut', reason };
}

/** What a workflow answered of which there is no record: it was none of the job's, or the record was lost with a backup. */
async function findResult(
  temporal: Client,
  { workflowId, runId }: WorkflowExecutionDescription,
): Promise<RunEnd> {
  const handle = temporal.workflow.getHandle(workflowId, runId);
  const result = (await withinDeadline(temporal, () => handle.result())) as RunJobResult;
  return result.state === 'succeeded'
    ? { state: 'succeeded', reason: 'recorded afterwards, as its workflow answered' }
    : { state: 'skipped', reason: 'the schedule had been changed before it could start' };
}
