// The log of a run of the fault bench, which is all that its checker sees. Times are milliseconds since the Unix epoch, by
// the clock of one machine. None of the types is from the code under test.

/** What every kind of schedule can have. */
interface ScheduleLimits {
  /** Not due before this instant. */
  startAt?: number;
  /** The seconds of each minute, from the first to the last, at which it is not due. */
  excludedSeconds?: [from: number, to: number];
  /** The most scheduled runs of the job. */
  maxRuns?: number;
}

/** The schedules of the bench, in the terms of its oracle. */
export type PlainSchedule = ScheduleLimits &
  (
    | { kind: 'every'; seconds: number; offset: number }
    /** `*∕N * * * * *`: each minute at the seconds 0, N, 2N … With a zone, only in the even minutes of its hours. */
    | { kind: 'cron'; step: number; evenMinutesIn?: Zone }
    | { kind: 'at'; instants: number[] }
  );

/** Time zones whose even minutes are never even in the other. */
export type Zone = 'UTC' | 'Asia/Kathmandu';

/** The overlap policies of the bench. */
export type Overlap = 'skip' | 'bufferOne' | 'bufferAll' | 'cancelOther' | 'terminateOther' | 'allowAll';

/**
 * How the target answers the calls of a job (answers.ts):
 * prompt: at once, now and then after a few seconds. slow: after 0.5 to 4 s. busy: at times with 503 or 429.
 * spells: with 500 in every other spell of nominal time. hanging: never for some nominal times.
 */
export type Script = 'prompt' | 'slow' | 'busy' | 'spells' | 'hanging';

/** The limits that a job shares with the jobs of its key. */
export interface KeyLimits {
  key: string;
  maxConcurrent?: number;
  rate?: { max: number; perMs: number };
}

/** What a job keeps from its creation on. */
export interface JobTraits {
  target: 'http' | 'workflow' | 'activity';
  overlap: Overlap;
  script: Script;
  limits?: KeyLimits;
  /** With hooks: the failures in a row until `onFailure`. */
  hookAfter?: number;
  maxAttempts: number;
  /** The timeout of each run. */
  timeoutMs?: number;
}

/**
 * The operations of clients. `change` is a new schedule by PUT or PATCH, `label` a change of labels only. `cancel` ends a
 * run, `retry` repeats one.
 */
export type OperationKind =
  'create' | 'change' | 'label' | 'pause' | 'resume' | 'run' | 'cancel' | 'retry' | 'backfill' | 'delete';

/** One HTTP call to the API. `endedAt` is the time of its answer or of the connection error. */
export interface ApiCall {
  api: number;
  method: string;
  path: string;
  calledAt: number;
  endedAt: number;
  /** Null without an answer. */
  status: number | null;
  /** The code of the problem or of the connection error. */
  code: string | null;
}

/** An operation of a client, with all its calls. */
export interface OperationRecord {
  id: string;
  kind: OperationKind;
  jobName: string;
  /** Null if the client never learned whether the job exists. */
  jobId: string | null;
  /** For creations and changes, and the present one for a backfill. */
  schedule: PlainSchedule | null;
  /** For creations. */
  traits: JobTraits | null;
  /** For pauses that end by themselves. */
  pausedUntil: number | null;
  calls: ApiCall[];
  /**
   * done: the API confirmed it. refused: the API refused it finally. unknown: the client gave up without an answer.
   */
  outcome: 'done' | 'refused' | 'unknown';
  /** The run that `run` or `retry` made, or that was cancelled. */
  runId: string | null;
  /** For backfills: the period, and id and count from the answer. */
  backfill: { from: number; to: number; id: string | null; count: number } | null;
}

/** A call, as the target received it. */
export interface TargetCall {
  at: number;
  /** When it was answered or broken off. Null: neither happened. */
  endedAt: number | null;
  /** The status of the answer. Null: it was broken off before. */
  status: number | null;
  job: string;
  run: string;
  key: string;
  scheduledAt: number;
  attempt: number;
  /** The seconds in the Retry-After of the answer. */
  retryAfter?: number;
  /** The number in the header X-Scheduler-Fencing-Token. */
  token?: number;
  /** For the call of a hook: its event, and the run that caused it. */
  hook?: { event: string; cause: string };
}

/** What some faults do to what is expected. */
export interface FaultEffect {
  /** What was written to Postgres from this time to the end of the fault may be lost. */
  losesSince?: number;
  /** The transaction, by its first statements, in which the process died. */
  transaction?: string;
  /** Jobs whose Temporal Schedules somebody has changed by hand. Temporal may start runs at any time until they are healed. */
  tampered?: string[];
  /** How far the clock of a process was off, in milliseconds. */
  clockOffMs?: number;
  /** The calls in flight ended for their callers when it began, and the target does not know. */
  endsCalls?: boolean;
}

/** A fault, from its first to its last effect. The recovery of the service comes afterwards. */
export interface FaultRecord {
  number: number;
  kind: string;
  /** The process or connection, and what was observed. */
  detail: string;
  startedAt: number;
  endedAt: number;
  /** The start of the recovery: the end of the last of the faults that were injected together. */
  checkedFrom: number;
  /** False if a kill point was not reached, so that the process was killed at a random moment. */
  reached: boolean;
  effect?: FaultEffect;
  recovery: {
    /** When all processes were ready. Null: not in the observed time. */
    readyAt: number | null;
    /** When an occurrence that was due after the fault was called in time. Null: not in the observed time. */
    onTimeAt: number | null;
    /** When each job that was changed before the end of the fault was synced. Null: not in the observed time. */
    syncedAt: number | null;
  };
}

/** One execution of the workflow of a run, as Temporal lists it. */
export interface WorkflowRecord {
  workflowId: string;
  executionId: string;
  status: string;
  startedAt: number;
  closedAt: number | null;
  /** The state in the result of a completed workflow. Null if a call belongs to it, because it is not read then. */
  resultState: string | null;
}

/** An attempt of a run, as the service has recorded it. A call that was lost, and made again, has the outcome `lost`. */
export interface AttemptRecord {
  number: number;
  outcome: string;
  startedAt: number;
  endedAt: number;
}

/** A run, as the service has recorded it. */
export interface RunRecord {
  id: string;
  job: string;
  trigger: string;
  scheduledAt: number;
  state: string;
  reason: string | null;
  reasonCode: string | null;
  endedAt: number | null;
  attempts: AttemptRecord[];
  /** For the run of a pause: the last nominal time and the number of occurrences. */
  pause: { until: number; count: number } | null;
  /** The run that caused the call of a hook. */
  cause?: string;
  /** The backfill that made it. */
  backfill?: string;
}

/** A Temporal Schedule, as Temporal describes it. */
export interface HeldSchedule {
  paused: boolean;
  overlap: string;
  taskQueue: string;
  /** Intervals, with their offsets, in milliseconds. */
  intervals: [every: number, offset: number][];
  calendars: number;
}

/** A job at the end. */
export interface JobRecord {
  id: string;
  name: string;
  state: string;
  deleted: boolean;
  synced: boolean;
  schedule: PlainSchedule | null;
  /** Its Temporal Schedule, if there is one. */
  held: HeldSchedule | null;
}

/** A process that ended without being killed. */
export interface UnexpectedExit {
  at: number;
  process: string;
  detail: string;
}

/** The whole log. */
export interface FaultLog {
  seed: number;
  startedAt: number;
  /** Occurrences up to this time are checked. Everything had time to end. */
  horizon: number;
  operations: OperationRecord[];
  calls: TargetCall[];
  faults: FaultRecord[];
  workflows: WorkflowRecord[];
  runs: RunRecord[];
  jobs: JobRecord[];
  exits: UnexpectedExit[];
}
