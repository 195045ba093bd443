// The log of a run of the fault bench, which is all that its checker sees. Times are milliseconds since the Unix epoch, by
// the clock of one machine. None of the types is from the code under test.

/** The schedules of the bench, in the terms of its oracle. */
export type PlainSchedule =
  | { kind: 'every'; seconds: number; offset: number }
  /** `*∕N * * * * *`: each minute at the seconds 0, N, 2N … */
  | { kind: 'cron'; step: number }
  | { kind: 'at'; instants: number[] };

/** The overlap policies of the bench. */
export type Overlap = 'allowAll' | 'bufferAll' | 'skip';

/** The operations of clients. `change` is a new schedule by PUT or PATCH, `label` a change of labels only. */
export type OperationKind = 'create' | 'change' | 'label' | 'pause' | 'resume' | 'run' | 'delete';

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
  /** For creations and changes. */
  schedule: PlainSchedule | null;
  /** For creations. */
  overlap: Overlap | null;
  calls: ApiCall[];
  /**
   * done: the API confirmed it. refused: the API refused it finally. unknown: the client gave up without an answer.
   */
  outcome: 'done' | 'refused' | 'unknown';
  /** The id from the answer to `run`. */
  runId: string | null;
}

/** A call, as the target received it. */
export interface TargetCall {
  at: number;
  job: string;
  run: string;
  key: string;
  scheduledAt: number;
  attempt: number;
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

/** A run, as the service has recorded it. */
export interface RunRecord {
  id: string;
  job: string;
  trigger: string;
  scheduledAt: number;
  state: string;
  reason: string | null;
  attempts: number;
  /** For the run of a pause: the last nominal time and the number of occurrences. */
  pause: { until: number; count: number } | null;
}

/** A job at the end. */
export interface JobRecord {
  id: string;
  name: string;
  state: string;
  deleted: boolean;
  synced: boolean;
  schedule: PlainSchedule | null;
  /** Whether Temporal has a schedule for it. */
  scheduled: boolean;
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
