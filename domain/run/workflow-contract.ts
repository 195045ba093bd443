import { v5 as uuidv5 } from 'uuid';
import type { BackfillOverlap } from './backfill.ts';
import type { Trigger } from './run.ts';

/** The name of the workflow that carries out one run, and of the one that begins with a local activity (domain/job/run-workflow.ts). */
export const RUN_JOB_WORKFLOW = 'runJob';
export const RUN_HTTP_JOB_WORKFLOW = 'runHttpJob';

/** What the workflow of a run is started with. Deliberately little: everything else is read from the database. */
export interface RunJobInput {
  jobId: string;
  /** The generation of the job that the Temporal Schedule was made from. */
  generation: number;
  trigger: Trigger;
  /** Given for a run that was asked for; that of an occurrence follows from its nominal time. */
  runId?: string;
  /** RFC 3339. Missing when Temporal's scheduler starts the run: then the nominal time is what Temporal says it is. */
  scheduledAt?: string;
  /** How long the run may take; older versions left that to Temporal's timeout of the workflow alone. */
  timeoutMs?: number;
  /** RFC 3339. When that is over, for a run that is started again; else it counts from the start of its workflow. */
  deadline?: string;
}

/** What the workflow of a run hands to its activity: the deadline with it, if there is a timeout. */
export interface RunJobTask extends RunJobInput {
  scheduledAt: string;
}

/** What a run that ended well answers; a run that failed is a failed workflow. */
export interface RunJobResult {
  runId: string;
  state: 'succeeded' | 'skipped';
}

/** A run that has to wait for its turn: until it is told, or for so long. */
export interface RunWaiting {
  runId: string;
  state: 'waiting';
  waitMs: number;
}

/** An attempt that only a workflow can make: to run a workflow or an activity of the user's own. */
export interface DelegatedAttempt {
  runId: string;
  state: 'handedOver';
  /** Of the attempt; 1 for the first. */
  number: number;
  kind: 'workflow' | 'activity';
  /** Of the user's workflow or activity. */
  name: string;
  taskQueue: string;
  args: unknown[];
  /** Of the workflow. */
  workflowId: string;
  timeoutMs?: number;
  heartbeatTimeoutMs?: number;
  /** RFC 3339. When the run ends, whatever becomes of this attempt. */
  deadline?: string;
}

/** How an attempt ended that was handed over. */
export interface DelegatedOutcome {
  number: number;
  /** RFC 3339. */
  startedAt: string;
  endedAt: string;
  verdict: 'succeeded' | 'retryable' | 'final' | 'cancelled' | 'timedOut';
  /** Null if it succeeded. */
  error: string | null;
  /** The beginning of the result, as JSON. */
  result: string | null;
}

/** A run that makes another attempt after a while. */
export interface RunRetrying {
  runId: string;
  state: 'retrying';
  delayMs: number;
}

/** All ids in Temporal that belong to this service begin like this. */
const ID_PREFIX = 'scheduler-';

/** How the ids of the Temporal Schedules of jobs begin. */
export const SCHEDULE_ID_PREFIX = `${ID_PREFIX}job-`;

/** The id of a job's Temporal Schedule, to which Temporal adds the nominal time to name the workflow of an occurrence. */
export const scheduleIdOf = (jobId: string) => `${SCHEDULE_ID_PREFIX}${jobId}`;

/** The workflow id of a run that was asked for. */
export const workflowIdOfRun = (runId: string) => `${ID_PREFIX}run-${runId}`;

/** The workflow id of an attempt of a run whose target is a workflow of the user's own. */
export const workflowIdOfTarget = (runId: string, attempt: number) =>
  `${ID_PREFIX}target-${runId}-${attempt}`;

/**
 * The id of the run of an occurrence: a UUID of version 5 (RFC 9562) over its nominal time, in the job's id as name
 * space. So whoever starts an occurrence, and however often, it is the same run.
 */
export const runIdOfOccurrence = (jobId: string, scheduledAt: Date) =>
  uuidv5(scheduledAt.toISOString(), jobId);

/** The id of the run that a task is to carry out. */
export const runIdOf = ({ runId, jobId, scheduledAt }: RunJobTask) =>
  runId ?? runIdOfOccurrence(jobId, new Date(scheduledAt));

/** The name of the workflow that runs the runs of a backfill, and its id. */
export const RUN_BACKFILL_WORKFLOW = 'runBackfill';
export const workflowIdOfBackfill = (backfillId: string) => `${ID_PREFIX}backfill-${backfillId}`;

/** What the workflow of a backfill is started with. */
export interface RunBackfillInput {
  jobId: string;
  generation: number;
  overlap: BackfillOverlap;
  /** Of each run, and of its workflow; older versions knew the first alone, and gave it to Temporal. */
  timeoutMs?: number;
  workflowTimeoutMs?: number;
  runs: { runId: string; workflowId: string; scheduledAt: string }[];
}

/** The name of the workflow of the reconciler, and the id of its Temporal Schedule. */
export const RECONCILE_WORKFLOW = 'reconcile';
export const RECONCILER_SCHEDULE_ID = `${ID_PREFIX}reconciler`;
