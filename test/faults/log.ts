// What a run of the fault bench writes down, and all that its checker sees. Times are milliseconds since the Unix epoch,
// of one machine's clock. None of it is a type of the code under test.

/** The schedules that the bench uses, in the words of its own oracle. */
export type PlainSchedule =
  | { kind: 'every'; seconds: number; offset: number }
  /** `*∕N * * * * *`: each minute at the seconds 0, N, 2N … */
  | { kind: 'cron'; step: number }
  | { kind: 'at'; instants: number[] };

/** How a job deals with occurrences that overlap, as far as the bench uses it. */
export type Overlap = 'allowAll' | 'bufferAll' | 'skip';

/** What a client can ask for. `change` is a new schedule by PUT or PATCH, `label` a change that leaves it alone. */
export type OperationKind = 'create' | 'change' | 'label' | 'pause' | 'resume' | 'run' | 'delete';

/** One HTTP call to the API. `endedAt` is when its answer came, or when its connection broke. */
export interface ApiCall {
  api: number;
  method: string;
  path: string;
  calledAt: number;
  endedAt: number;
  /** Null if there was no answer. */
  status: number | null;
  /** Of the problem, or of the broken connection. */
  code: string | null;
}

/** What a client wanted, with all calls that it took. */
export interface OperationRecord {
  id: string;
  kind: OperationKind;
  jobName: string;
  /** Null for a job of which the client never learnt whether it exists. */
  jobId: string | null;
  /** Of a creation and a change. */
  schedule: PlainSchedule | null;
  /** Of a creation. */
  overlap: Overlap | null;
  calls: ApiCall[];
  /**
   * done: the API said so. refused: it said no, for good. unknown: the client gave up without having learnt.
   */
  outcome: 'done' | 'refused' | 'unknown';
  /** What the API answered to `run`. */
  runId: string | null;
}

/** A call as the target received it. */
export interface TargetCall {
  at: number;
  job: string;
  run: string;
  key: string;
  scheduledAt: number;
  attempt: number;
}

/** A fault, from its first to its last effect from outside; what the service does about it comes afterwards. */
export interface FaultRecord {
  number: number;
  kind: string;
  /** Which process or connection, and what was seen. */
  detail: string;
  startedAt: number;
  endedAt: number;
  /** From when on recovery is judged: the end of the last of the faults that were injected together. */
  checkedFrom: number;
  /** False when a named point was not reached, so that the process was killed at a random moment instead. */
  reached: boolean;
  recovery: {
    /** When all processes said that they were ready, … */
    readyAt: number | null;
    /** … when an occurrence that fell due after the fault was called in time, … */
    onTimeAt: number | null;
    /** … and when each job that was changed before its end was synced. Null: not while it was waited for. */
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
  /** The state of a completed workflow's result. Read only where no call belongs to it, else null. */
  resultState: string | null;
}

/** A run as the service has recorded it. */
export interface RunRecord {
  id: string;
  job: string;
  trigger: string;
  scheduledAt: number;
  state: string;
  reason: string | null;
  attempts: number;
  /** Of a run that stands for what fell into a pause: the last nominal time, and how many there were. */
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
  /** Whether Temporal holds a schedule of it. */
  scheduled: boolean;
}

/** A process that ended though nobody had killed it. */
export interface UnexpectedExit {
  at: number;
  process: string;
  detail: string;
}

/** Everything together. */
export interface FaultLog {
  seed: number;
  startedAt: number;
  /** Up to here occurrences count; by now everything had time to settle. */
  horizon: number;
  operations: OperationRecord[];
  calls: TargetCall[];
  faults: FaultRecord[];
  workflows: WorkflowRecord[];
  runs: RunRecord[];
  jobs: JobRecord[];
  exits: UnexpectedExit[];
}
