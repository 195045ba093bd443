import { v5 as uuidv5 } from 'uuid';
import type { Trigger } from './run.ts';

/** The name of the workflow that carries out one run. */
export const RUN_JOB_WORKFLOW = 'runJob';

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
}

/** What the workflow of a run hands to its activity. */
export interface RunJobTask extends RunJobInput {
  scheduledAt: string;
}

/** What a run that ended well answers; a run that failed is a failed workflow. */
export interface RunJobResult {
  runId: string;
  state: 'succeeded' | 'skipped';
}

/** All ids in Temporal that belong to this service begin like this. */
const ID_PREFIX = 'scheduler-';

/** The id of a job's Temporal Schedule, to which Temporal adds the nominal time to name the workflow of an occurrence. */
export const scheduleIdOf = (jobId: string) => `${ID_PREFIX}job-${jobId}`;

/** The workflow id of a run that was asked for. */
export const workflowIdOfRun = (runId: string) => `${ID_PREFIX}run-${runId}`;

/**
 * The id of the run of an occurrence: a UUID of version 5 (RFC 9562) over its nominal time, in the job's id as name
 * space. So whoever starts an occurrence, and however often, it is the same run.
 */
export const runIdOfOccurrence = (jobId: string, scheduledAt: Date) =>
  uuidv5(scheduledAt.toISOString(), jobId);
