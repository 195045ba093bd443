import type { ColumnType, Generated, Insertable, JSONColumnType, Selectable, Updateable } from 'kysely';
import type { BackfillOverlap } from '../domain/backfill.ts';
import type { JobState } from '../domain/job.ts';
import type { Policy } from '../domain/policy.ts';
import type { RevisionAction, RevisionChanges } from '../domain/revision.ts';
import type { Retry } from '../domain/retry.ts';
import type { RecordedAttempt, RunState, Trigger } from '../domain/run.ts';
import type { Schedule } from '../domain/schedule.ts';
import type { TargetAnswer } from '../domain/target.ts';

type Json<T extends object> = JSONColumnType<T, string, string>;
type Timestamp = ColumnType<Date, Date, Date>;

interface JobsTable {
  id: string;
  namespace: string;
  name: string;
  description: string;
  labels: Json<Record<string, string>>;
  schedule: Json<Schedule>;
  /** Without its secrets. */
  target: Json<TargetAnswer>;
  policy: Json<Policy>;
  retry: Json<Retry>;
  /** Of one whole run, as a duration. */
  timeout: string | null;
  state: JobState;
  /** Rises by one with every change. */
  generation: number;
  /** The generation that the Temporal Schedule is known to match; 0 if there is none yet. */
  observed_generation: Generated<number>;
  /** The generation of the last change to anything that the Temporal Schedule holds, and when that was made. */
  schedule_generation: number;
  schedule_since: Timestamp;
  /** When the Temporal Schedule was last written: it fires nothing that was due before. */
  schedule_put_at: Timestamp | null;
  /** Of the spec that the Temporal Schedule was last given. */
  spec_hash: string | null;
  /** Every occurrence up to this instant has a row in `runs`. */
  accounted_to: Timestamp;
  /** When to account for more of them; null if there will be none. */
  account_at: Timestamp | null;
  sync_error: string | null;
  /** The reconciler leaves an unsynced job alone until then. */
  sync_after: Timestamp;
  /** How often in a row Temporal refused it. */
  sync_attempts: Generated<number>;
  /** `policy.catchupWindow`, for queries. */
  catchup_seconds: number;
  /** What the Temporal Schedule was made for besides the job: see scheduling/spec-version.ts. */
  spec_version: string | null;
  /** Of its last occurrence; null if there is none. */
  finishes_at: Timestamp | null;
  consecutive_failures: Generated<number>;
  /** Scheduled runs that retention has removed: `maxRuns` counts them still. */
  runs_removed: Generated<number>;
  pause_reason: string | null;
  paused_by: string | null;
  paused_at: Timestamp | null;
  paused_until: Timestamp | null;
  created_at: Timestamp;
  updated_at: Timestamp;
  /** Set on a tombstone: a job that was deleted, kept until Temporal has forgotten it and for its runs. */
  deleted_at: Timestamp | null;
}

interface RunsTable {
  id: string;
  job_id: string;
  namespace: string;
  job_generation: number;
  trigger: Trigger;
  scheduled_at: Timestamp;
  started_at: Timestamp | null;
  ended_at: Timestamp | null;
  state: RunState;
  reason: string | null;
  attempts: Json<RecordedAttempt[]>;
  workflow_id: string;
  temporal_run_id: string | null;
  backfill_id: Generated<string | null>;
  /** The run that this one repeats. */
  retry_of: Generated<string | null>;
  /** Since when somebody wants it to end. */
  cancel_requested_at: Timestamp | null;
  /** Started by the reconciler in place of the Temporal Schedule, which does not know of it. */
  made_up: Generated<boolean>;
  /** When to ask Temporal whether an open run is still under way. */
  check_at: ColumnType<Date, Date | undefined, Date>;
  created_at: ColumnType<Date, never, never>;
}

interface JobRevisionsTable {
  job_id: string;
  generation: number;
  at: Timestamp;
  by: string;
  action: RevisionAction;
  changes: Json<RevisionChanges>;
}

/** An encrypted secret of a job: see platform/secret-box.ts. */
interface JobSecretsTable {
  job_id: string;
  field: string;
  key_id: string;
  sealed: string;
}

interface BackfillsTable {
  id: string;
  job_id: string;
  overlap: BackfillOverlap;
  created_at: Timestamp;
}

interface IdempotencyKeysTable {
  namespace: string;
  key: string;
  fingerprint: string;
  /** What the request made. */
  resource_id: string;
  /** What was answered; null as long as the request is under way. */
  answer: JSONColumnType<IdempotentAnswer | null, string | null, string | null>;
  /** Without an answer by then, whoever worked on the request is taken to be dead. */
  locked_until: Timestamp;
  created_at: Timestamp;
}

/** An answer as it is given again. */
export interface IdempotentAnswer {
  status: number;
  headers: Record<string, string>;
  body: unknown;
}

/** One row: who reconciles, and when it was last done. */
interface ReconcilerTable {
  single: Generated<boolean>;
  holder: string | null;
  lease_until: Timestamp;
  passed_at: Timestamp;
  swept_at: Timestamp;
}

/** The tables, as Kysely sees them. `db/migrations` makes them. */
export interface Schema {
  jobs: JobsTable;
  runs: RunsTable;
  job_revisions: JobRevisionsTable;
  job_secrets: JobSecretsTable;
  backfills: BackfillsTable;
  idempotency_keys: IdempotencyKeysTable;
  reconciler: ReconcilerTable;
}

export type JobRow = Selectable<JobsTable>;
export type NewJob = Insertable<JobsTable>;
export type JobChange = Updateable<JobsTable>;
export type RunRow = Selectable<RunsTable>;
export type NewRun = Insertable<RunsTable>;
export type RevisionRow = Selectable<JobRevisionsTable>;
