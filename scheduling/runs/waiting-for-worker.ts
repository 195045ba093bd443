import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import type { StoredTarget } from '../../domain/target/target.ts';
import { reasonFor, type Reason } from '../../domain/run/reasons.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';

/** A run that has waited for less than this does not say so, for a worker usually takes a task at once. */
const PATIENCE_MS = 10 * SECOND_MS;

/**
 * Types of task queues, and the state of a task that no worker has taken, as `temporal.api.enums.v1` numbers
 * them.
 */
const WORKFLOW_QUEUE = 1;
const ACTIVITY_QUEUE = 2;
const SCHEDULED = 1;

interface Time {
  seconds?: { toString: () => string } | null;
}
const toMs = (time: Time | null | undefined) =>
  time ? Number(String(time.seconds ?? 0)) * SECOND_MS : undefined;

/**
 * The reason of a run whose workflow or activity no worker has taken: its task queue has no worker, or none
 * that is free, and for how long. Null: it does not wait for a worker.
 */
export async function findWaitForWorker(
  temporal: Client,
  run: WorkflowExecutionDescription,
  target: Exclude<StoredTarget, { type: 'http' }>,
  now: Date,
): Promise<Reason | null> {
  const since =
    target.type === 'activity'
      ? findActivityWait(run, target.activityType)
      : await findChildWait(temporal, run, target.workflowType);
  if (since === undefined || now.getTime() - since < PATIENCE_MS) return null;
  const { pollers } = await withinDeadline(temporal, () =>
    temporal.workflowService.describeTaskQueue({
      namespace: temporal.options.namespace,
      taskQueue: { name: target.taskQueue },
      taskQueueType: target.type === 'activity' ? ACTIVITY_QUEUE : WORKFLOW_QUEUE,
    }),
  );
  const asked = Math.max(0, ...(pollers ?? []).map(({ lastAccessTime }) => toMs(lastAccessTime) ?? 0));
  const queue = `task queue ${JSON.stringify(target.taskQueue)}`;
  const duration = inWords(now.getTime() - since);
  return reasonFor(
    'waitsForWorker',
    asked > since
      ? `waits for a free worker on ${queue} for ${duration}`
      : `no worker on ${queue} for ${duration}`,
  );
}

/** Since when the child workflow of a run waits for a worker. Its activities may be on any other task queue. */
async function findChildWait(
  temporal: Client,
  run: WorkflowExecutionDescription,
  workflowType: string,
): Promise<number | undefined> {
  const pending = (run.raw.pendingChildren ?? []).find((child) => child.workflowTypeName === workflowType);
  if (!pending?.workflowId) return undefined;
  const handle = temporal.workflow.getHandle(pending.workflowId, pending.runId ?? undefined);
  const child = await withinDeadline(temporal, () => handle.describe());
  const task = child.raw.pendingWorkflowTask;
  return task && Number(task.state) === SCHEDULED
    ? toMs(task.originalScheduledTime ?? task.scheduledTime)
    : undefined;
}

/** Since when an activity of a run waits for a worker. */
function findActivityWait({ raw }: WorkflowExecutionDescription, activityType: string): number | undefined {
  const waiting = (raw.pendingActivities ?? []).find(
    (activity) => Number(activity.state) === SCHEDULED && activity.activityType?.name === activityType,
  );
  return toMs(waiting?.scheduledTime);
}

/** A duration in words: in the largest unit of which it has two or more. Pure. */
function inWords(ms: number): string {
  const seconds = Math.floor(ms / SECOND_MS);
  for (const [unit, length] of [
    ['days', 86_400],
    ['hours', 3_600],
    ['minutes', 60],
  ] as const)
    if (seconds >= 2 * length) return `${Math.floor(seconds / length)} ${unit}`;
  return `${seconds} seconds`;
}
