import { v5 as uuidv5 } from 'uuid';
import { toInstant } from '../instant.ts';
import type { RunJobTask } from './workflow-contract.ts';

/** All ids in Temporal that belong to this service begin like this. */
const ID_PREFIX = 'scheduler-';

/** How the ids of the Temporal Schedules of jobs begin. */
export const SCHEDULE_ID_PREFIX = `${ID_PREFIX}job-`;

/** The id of the Temporal Schedule of the reconciler. */
export const RECONCILER_SCHEDULE_ID = `${ID_PREFIX}reconciler`;

/**
 * The id of a job's Temporal Schedule. Temporal appends the nominal time to name the workflow of an
 * occurrence.
 */
export const scheduleIdOf = (jobId: string) => `${SCHEDULE_ID_PREFIX}${jobId}`;

/** The workflow id of an occurrence: the one that its Temporal Schedule gives it. */
export const workflowIdOfOccurrence = (jobId: string, instant: number) =>
  `${scheduleIdOf(jobId)}-${toInstant(instant)}`;

/** The workflow id of a run that a request asked for, or of an occurrence whose own workflow was not the job's. */
export const workflowIdOfRun = (runId: string) => `${ID_PREFIX}run-${runId}`;

/** The workflow id of a delegated attempt whose target is a workflow. */
export const workflowIdOfTarget = (runId: string, attempt: number) =>
  `${ID_PREFIX}target-${runId}-${attempt}`;

/** The workflow id of a backfill. */
export const workflowIdOfBackfill = (backfillId: string) => `${ID_PREFIX}backfill-${backfillId}`;

/**
 * The id of the run of an occurrence: a UUID of version 5 (RFC 9562) over its nominal time, with the
 * job's id as the name space. Every process that starts the occurrence starts the same run.
 */
export const runIdOfOccurrence = (jobId: string, scheduledAt: Date) =>
  uuidv5(scheduledAt.toISOString(), jobId);

/** The id of the run that a task carries out. */
export const runIdOf = ({ runId, jobId, scheduledAt }: RunJobTask) =>
  runId ?? runIdOfOccurrence(jobId, new Date(scheduledAt));

/**
 * Tells whether a workflow may carry out a task: what a Temporal Schedule starts may only carry out the occurrence that
 * its workflow id names. If somebody changed the schedule's arguments in Temporal, they may name anything. Pure.
 */
export function isTaskOfWorkflow(workflowId: string, task: RunJobTask): boolean {
  if (task.runId !== undefined && !workflowId.startsWith(SCHEDULE_ID_PREFIX)) return true;
  const instant = Date.parse(task.scheduledAt);
  return (
    !Number.isNaN(instant) &&
    task.trigger === 'schedule' &&
    workflowId === workflowIdOfOccurrence(task.jobId, instant) &&
    runIdOf(task) === runIdOfOccurrence(task.jobId, new Date(instant))
  );
}
