import type { ColumnType, Generated, JSONColumnType } from 'kysely';
import type { AttemptHolder, LostCall } from '../domain/run/attempt-holder.ts';
import type { HookCause, Lateness } from '../domain/run/hook-trigger.ts';
import type { Origin } from '../domain/run/origin.ts';
import type { RunState } from '../domain/run/run-state.ts';
import type { RecordedAttempt, Trigger } from '../domain/run/run.ts';
import type { Json, SourceColumn, Timestamp } from './column-types.ts';

/** Which run it is, and why there is one. */
interface Identity {
  id: string;
  job_id: string;
  namespace: string;
  /** The generation of the job with which the run began, or, before that, with which it was stored. */
  job_generation: number;
  trigger: Trigger;
  /** The nominal time: of its occurrence, or of the request for it. */
  scheduled_at: Timestamp;
  /** The dates from which business days have moved its occurrence; null if it was not moved. */
  moved_from: Generated<string[] | null>;
  backfill_id: Generated<string | null>;
  /** The run that this one retries. */
  retry_of: Generated<string | null>;
  /** Why a hook is called; null for other runs. */
  cause: JSONColumnType<HookCause | Lateness | null, string | null | undefined, string | null>;
  /** The request for the run, or, once the run begins, the request that last changed its job. */
  origin: JSONColumnType<Origin | null, string | null | undefined, string | null>;
  /** The request for a manual run or a retry, for the audit log. */
  source: SourceColumn;
  created_at: ColumnType<Date, never, never>;
}

/** How far the run has come. */
interface Progress {
  state: RunState;
  /** In words, for people. */
  reason: string | null;
  /** Null without a reason, and in rows of earlier versions: read it by `reasonCodeOf` (domain/run/reasons.ts). */
  reason_code: ColumnType<string | null, string | null | undefined, string | null>;
  started_at: Timestamp | null;
  ended_at: Timestamp | null;
  attempts: Json<RecordedAttempt[]>;
  /** Who makes the attempt that is in flight, or made the last one; null before the first, and by earlier versions. */
  holder: JSONColumnType<AttemptHolder | null, string | null | undefined, string | null>;
  /** Calls that no holder recorded, beside the attempts. */
  lost_calls: JSONColumnType<LostCall[], string | undefined, string>;
  /** When the timeout ends the run; null before it begins, and without a timeout. */
  deadline: Generated<Date | null>;
  /** The timeout that the deadline comes from, as a duration. */
  timeout: Generated<string | null>;
  /** When its cancellation was first requested. */
  cancel_requested_at: Timestamp | null;
  /** The request for it. */
  cancel_source: SourceColumn;
}

/** The workflow of the run in Temporal, and when the reconciler checks it (scheduling/runs/rescue.ts). */
interface Workflow {
  workflow_id: string;
  /** Null until Temporal is known to have started the workflow. */
  temporal_run_id: string | null;
  /** "Started by the reconciler", in today's words: the Temporal Schedule does not know of the run. */
  made_up: Generated<boolean>;
  /** When to ask Temporal what has become of an open run. */
  check_at: ColumnType<Date, Date | undefined, Date>;
}

/** Of a run that stands for the occurrences of a pause (db/runs/pause-runs.ts); else null. */
interface PausedOccurrences {
  /** How many occurrences there are. */
  occurrences: ColumnType<number | null, number | undefined, number>;
  /** The nominal time of the last one. */
  last_scheduled_at: ColumnType<Date | null, Date | undefined, Date>;
}

/** A row for each run, and for each occurrence that never became one. */
export type RunsTable = Identity & Progress & Workflow & PausedOccurrences;
