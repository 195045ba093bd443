import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import type { RunRow } from '../../db/schema.ts';
import { reasonCodeOf } from '../../domain/run/reasons.ts';
import {
  RUN_HTTP_JOB_WORKFLOW,
  RUN_JOB_WORKFLOW,
  type RunJobInput,
} from '../../domain/run/workflow-contract.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';

const WORKFLOWS: readonly string[] = [RUN_JOB_WORKFLOW, RUN_HTTP_JOB_WORKFLOW];

/**
 * Why the workflow of an occurrence can never carry it out: somebody had changed its Temporal Schedule when that
 * started it. Undefined if it can, or if a worker has begun it.
 */
export async function findWrongStart(
  temporal: Client,
  found: WorkflowExecutionDescription,
  run: RunRow,
  taskQueue: string,
): Promise<string | undefined> {
  if (run.trigger !== 'schedule' || run.state !== 'queued') return undefined;
  if (reasonCodeOf({ ...run, reasonCode: run.reason_code }) === 'waitsForPermit') return undefined;
  if (!WORKFLOWS.includes(found.type)) return `a workflow of the type ${JSON.stringify(found.type)}`;
  if (found.taskQueue !== taskQueue) return `a workflow on the task queue ${JSON.stringify(found.taskQueue)}`;
  const input = await readInput(temporal, found);
  return isInputOf(run, input) ? undefined : 'a workflow with the arguments of another run';
}

/** Tells whether a workflow was given what a run of the job is given, by a schedule or by the reconciler. Pure. */
function isInputOf(run: RunRow, input: Partial<RunJobInput>): boolean {
  const { jobId, generation, trigger, runId = run.id, scheduledAt } = input;
  const isDue = scheduledAt === undefined || Date.parse(scheduledAt) === run.scheduled_at.getTime();
  return (
    jobId === run.job_id &&
    typeof generation === 'number' &&
    trigger === 'schedule' &&
    runId === run.id &&
    isDue
  );
}

/** The first argument of a workflow; empty if it cannot be read. */
async function readInput(
  temporal: Client,
  { workflowId, runId }: WorkflowExecutionDescription,
): Promise<Partial<RunJobInput>> {
  const { history } = await withinDeadline(temporal, () =>
    temporal.workflowService.getWorkflowExecutionHistory({
      namespace: temporal.options.namespace,
      execution: { workflowId, runId },
      maximumPageSize: 1,
    }),
  );
  const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  try {
    const data = Buffer.from(started?.input?.payloads?.[0]?.data ?? []);
    return (JSON.parse(data.toString()) ?? {}) as Partial<RunJobInput>;
  } catch {
    return {};
  }
}
