import type { BackfillOverlap } from './backfill.ts';
import type { RecordedAttempt, Trigger } from './run.ts';

// What workflows, activities and Temporal say to each other. It all stands in Temporal's histories, and
// workers of two versions exchange it during a rolling upgrade: names and values here never change.
// Workflows import this file, so it imports types only.

/** The workflow that carries out one run. */
export const RUN_JOB_WORKFLOW = 'runJob';
/** The same for a run that makes its first call in a local activity (domain/job/run-workflow.ts). */
export const RUN_HTTP_JOB_WORKFLOW = 'runHttpJob';
/** The workflow that carries out the runs of a backfill. */
export const RUN_BACKFILL_WORKFLOW = 'runBackfill';
/** The workflow of the reconciler. */
export const RECONCILE_WORKFLOW = 'reconcile';

/** The signal that tells a waiting run that its permit was granted. */
export const PERMIT_SIGNAL = 'turn';

/** After this time without a heartbeat, or without a start, Temporal gives an activity with a call to another worker. */
export const HEARTBEAT_TIMEOUT_MS = 15_000;

/**
 * For how long a worker goes on with a call without a sign of life from Temporal. Shorter than HEARTBEAT_TIMEOUT_MS and
 * the timeout of a workflow task (domain/job/run-workflow.ts) by what a busy process may be late, and clocks may differ.
 */
export const CALL_LEASE_MS = 10_000;

/** The type of the failure of an activity whose run has failed, and has that on record. */
export const RUN_FAILED = 'RunFailed';

/** The input of the workflow of a run. Deliberately little: everything else is read from the database. */
export interface RunJobInput {
  jobId: string;
  /** The generation of the job that the Temporal Schedule was made from. */
  generation: number;
  trigger: Trigger;
  /** Given for a run that was asked for; the id of an occurrence's run follows from its nominal time. */
  runId?: string;
  /** RFC 3339. Missing when a Temporal Schedule starts the run: Temporal then knows the nominal time. */
  scheduledAt?: string;
  /** The timeout of the run. Workflows of older versions have Temporal's execution timeout instead. */
  timeoutMs?: number;
  /**
   * RFC 3339. The end of the timeout, for a run that is started again; otherwise it counts from the
   * workflow's start.
   */
  deadline?: string;
}

/** The input of each activity of a run. Has the deadline if there is a timeout. */
export interface RunJobTask extends RunJobInput {
  scheduledAt: string;
}

/** The result of the workflow of a run that ended well. A run that failed is a failed workflow. */
export interface RunJobResult {
  runId: string;
  state: 'succeeded' | 'skipped';
}

/**
 * How an attempt ended. Until it is recorded, Temporal keeps it: in a heartbeat, or in a step
 * (`unrecorded`).
 */
export interface AttemptResult {
  /** With a `retryAt` if another attempt follows. */
  attempt: RecordedAttempt;
  /** The fencing token of its holder: missing from workers of earlier versions. */
  token?: number;
  /** The URL of a target that answered 410: it is gone for good. */
  goneUrl?: string;
  /** Until the next attempt, if one follows. */
  retryDelayMs: number;
  /**
   * Why the run times out with this attempt: the deadline ended it, or the next attempt would come
   * after the deadline.
   */
  timedOut?: string;
  /** Temporal closed the workflow during the attempt. How the run ended, the reconciler finds out. */
  isClosedInTemporal?: true;
}

/** An attempt that only a workflow can make: it executes a workflow or an activity of the user. */
export interface DelegatedAttempt {
  /** 1 for the first attempt. */
  number: number;
  kind: 'workflow' | 'activity';
  /** The type of the user's workflow or activity. */
  name: string;
  taskQueue: string;
  args: unknown[];
  /** The id of the user's workflow. */
  workflowId: string;
  /** The fencing token of the attempt: missing from workers of earlier versions. */
  token?: number;
  timeoutMs?: number;
  heartbeatTimeoutMs?: number;
  /** RFC 3339. When the run ends, even if this attempt has not. */
  deadline?: string;
}

/** How a delegated attempt ended. */
export interface DelegatedOutcome {
  number: number;
  /** That of its DelegatedAttempt. */
  token?: number;
  /** RFC 3339. */
  startedAt: string;
  /** RFC 3339. */
  endedAt: string;
  verdict: 'succeeded' | 'retryable' | 'final' | 'cancelled' | 'timedOut';
  /** Null if it succeeded. */
  error: string | null;
  /** The beginning of the result, as JSON. */
  result: string | null;
}

/** What a run does next. Activities decide it, and the workflow does it. */
export type NextStep =
  /** The run has ended. */
  | { next: 'done'; result: RunJobResult }
  /**
   * Another activity call follows after `delayMs`. `unrecorded` is an attempt that has been made and
   * could not be recorded. `cause` is shown in the Temporal Web UI, and does not reach the workflow.
   */
  | { next: 'retry'; delayMs: number; unrecorded?: AttemptResult; cause?: RetryCause }
  /** The run waits for the signal PERMIT_SIGNAL, but no longer than `waitMs`. */
  | { next: 'waitForPermit'; waitMs: number }
  /** The workflow makes the attempt, and `recordOutcome` records it. */
  | { next: 'delegate'; attempt: DelegatedAttempt }
  /** The call is in flight in the worker that polls `taskQueue`; `awaitCall` waits for its end there. */
  | { next: 'attach'; taskQueue: string };

/** Why a run makes another activity call. */
interface RetryCause {
  type: 'AttemptFailed' | 'Waiting';
  message: string;
}

/**
 * A step as an activity answers it. The words of `state` are older than those of NextStep:
 *
 *     done           succeeded, skipped
 *     retry          goesOn from startCall and awaitCall, retrying from recordOutcome; runHttpTarget
 *                    fails with a nextRetryDelay instead, so that Temporal keeps the timer
 *     waitForPermit  waiting
 *     delegate       handedOver
 *     attach         goesOn, with a taskQueue
 *
 * A run that failed is no answer: the activity fails with RUN_FAILED.
 */
export type StepOnWire =
  | RunJobResult
  | { state: 'goesOn'; delayMs: number; taskQueue?: string; made?: AttemptResult }
  | { state: 'retrying'; runId: string; delayMs: number }
  | { state: 'waiting'; runId: string; waitMs: number }
  | ({ state: 'handedOver'; runId: string } & DelegatedAttempt);

/** Writes a step as an activity answers it. `retryState` is the activity's word for a retry. Pure. */
export function encodeStep(runId: string, step: NextStep, retryState: 'goesOn' | 'retrying'): StepOnWire {
  switch (step.next) {
    case 'done':
      return step.result;
    case 'retry': {
      const { delayMs, unrecorded } = step;
      if (retryState === 'retrying') return { runId, state: retryState, delayMs };
      return { state: retryState, delayMs, ...(unrecorded ? { made: unrecorded } : {}) };
    }
    case 'waitForPermit':
      return { runId, state: 'waiting', waitMs: step.waitMs };
    case 'delegate':
      return { runId, state: 'handedOver', ...step.attempt };
    case 'attach':
      return { state: 'goesOn', delayMs: 0, taskQueue: step.taskQueue };
  }
}

/** Reads a step from the answer of an activity of this version or an older one. Pure. */
export function decodeStep(answer: StepOnWire): NextStep {
  switch (answer.state) {
    case 'goesOn': {
      const { delayMs, taskQueue, made } = answer;
      if (taskQueue !== undefined) return { next: 'attach', taskQueue };
      return { next: 'retry', delayMs, ...(made ? { unrecorded: made } : {}) };
    }
    case 'retrying':
      // Histories have a timer here even for a delay of 0, which Temporal's SDK makes a millisecond.
      return { next: 'retry', delayMs: Math.max(1, answer.delayMs) };
    case 'waiting':
      return { next: 'waitForPermit', waitMs: answer.waitMs };
    case 'handedOver':
      return { next: 'delegate', attempt: answer };
    case 'succeeded':
    case 'skipped':
      return { next: 'done', result: answer };
  }
}

/** The input of the workflow of a backfill. */
export interface RunBackfillInput {
  jobId: string;
  generation: number;
  overlap: BackfillOverlap;
  /**
   * The timeout of each run. Without `workflowTimeoutMs`, it is Temporal's execution timeout of each
   * workflow.
   */
  timeoutMs?: number;
  /** Temporal's execution timeout of the workflow of each run. */
  workflowTimeoutMs?: number;
  runs: { runId: string; workflowId: string; scheduledAt: string }[];
}
