import type { ColumnType, Generated, Insertable, JSONColumnType, Selectable, Updateable } from 'kysely';
import type { Scope } from '../domain/access.ts';
import type { BackfillOverlap } from '../domain/run/backfill.ts';
import type { HookCause } from '../domain/run/hook-trigger.ts';
import type { FailureHook, RecoveryHook } from '../domain/job/hook.ts';
import type { JobState } from '../domain/job/job.ts';
import type { Origin } from '../domain/run/origin.ts';
import type { Policy } from '../domain/job/policy.ts';
import type { RevisionAction, RevisionChanges } from '../domain/job/revision.ts';
import type { Retry } from '../domain/target/retry.ts';
import type { RecordedRunEvent } from '../domain/run/run-event.ts';
import type { RunState } from '../domain/run/run-state.ts';
import type { RecordedAttempt, Trigger } from '../domain/run/run.ts';
import type { Schedule } from '../domain/schedule/schedule.ts';
import type { StoredTarget } from '../domain/target/target.ts';

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
  target: Json<StoredTarget>;
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
  /** What the Temporal Schedule was made for besides the job: see scheduling/schedules/spec-version.ts. */
  spec_version: string | null;
  /** Of its next run, as of when that was worked out; null if there is none: see db/jobs/next-runs.ts. */
  next_run_at: Timestamp | null;
  /** Of its last occurrence; null if there is none. */
  finishes_at: Timestamp | null;
  consecutive_failures: Generated<number>;
  /** Without their secrets. */
  on_failure: JSONColumnType<FailureHook | null, string | null, string | null>;
  on_recovery: JSONColumnType<RecoveryHook | null, string | null, string | null>;
  /** So many runs have failed in a row that `onFailure` was called, and no run has succeeded since. */
  is_alerted: Generated<boolean>;
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
  /** The request that made the latest change; null if that was with an older version. */
  origin: JSONColumnType<Origin | null, string | null | undefined, string | null>;
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
  /** In words, for people. */
  reason: string | null;
  /** Null without a reason, and in rows of earlier versions: read it by `reasonCodeOf` (domain/run/reasons.ts). */
  reason_code: ColumnType<string | null, string | null | undefined, string | null>;
  attempts: Json<RecordedAttempt[]>;
  workflow_id: string;
  temporal_run_id: string | null;
  backfill_id: Generated<string | null>;
  /** The run that this one repeats. */
  retry_of: Generated<string | null>;
  /** Of the call of a hook: why. */
  cause: JSONColumnType<HookCause | null, string | null | undefined, string | null>;
  /** When its timeout ends it, and what that timeout is, as a duration; null before it begins, and without one. */
  deadline: Generated<Date | null>;
  timeout: Generated<string | null>;
  /** Since when somebody wants it to end. */
  cancel_requested_at: Timestamp | null;
  /** Started by the reconciler in place of the Temporal Schedule, which does not know of it. */
  made_up: Generated<boolean>;
  /** Of a run that stands for several occurrences (db/runs/pause-runs.ts): how many, and the nominal time of the last; else null. */
  occurrences: ColumnType<number | null, number | undefined, number>;
  last_scheduled_at: ColumnType<Date | null, Date | undefined, Date>;
  /** When to ask Temporal whether an open run is still under way. */
  check_at: ColumnType<Date, Date | undefined, Date>;
  /** The request that asked for the run, or, from when it begins, that of its job. */
  origin: JSONColumnType<Origin | null, string | null | undefined, string | null>;
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

/** One turn of a run under the limits of its job, from the moment it asks: see db/runs/permits.ts. */
interface PermitsTable {
  id: Generated<string>;
  run_id: string;
  /** Whose limits: those of a key, or of one job. */
  scope: string;
  /** The limits of the job, as of when it asked. */
  max_concurrent: number | null;
  rate_max: number | null;
  rate_per_ms: number | null;
  /** Its place in the line. */
  asked_at: Timestamp;
  granted_at: Timestamp | null;
  /** The attempt began. */
  started_at: Timestamp | null;
  /** The attempt ended, or will never be made. */
  released_at: Timestamp | null;
  /** Until then it counts for the rate limit, though released. */
  counts_until: Timestamp | null;
  /** When to tell the run again that its turn has come. */
  remind_at: Timestamp | null;
}

/** One thing that became of a run: see db/runs/run-events.ts. */
interface RunEventsTable {
  id: Generated<string>;
  /** In the order of readers; null until it has been put in order. */
  place: string | null;
  run_id: string;
  job_id: string;
  namespace: string;
  at: Timestamp;
  run: JSONColumnType<RecordedRunEvent, string, string>;
}

/** A key for the API: see domain/api-key.ts. */
interface ApiKeysTable {
  id: string;
  namespace: string;
  name: string;
  /** Of the key, with the pepper: see api/access/api-key-format.ts. */
  hash: string;
  hint: string;
  scopes: Scope[];
  created_at: Timestamp;
  created_by: string;
  expires_at: Timestamp | null;
  last_used_at: Timestamp | null;
  revoked_at: Timestamp | null;
  revoked_by: string | null;
}

/** A job that a step of the reconciler failed to deal with: see db/upkeep/deferrals.ts. */
interface DeferralsTable {
  step: string;
  job_id: string;
  /** In a row. */
  failures: number;
  retry_at: Timestamp;
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
  deferrals: DeferralsTable;
  permits: PermitsTable;
  run_events: RunEventsTable;
  api_keys: ApiKeysTable;
}

export type JobRow = Selectable<JobsTable>;
export type JobUpdate = Updateable<JobsTable>;
export type RunRow = Selectable<RunsTable>;
export type NewRun = Insertable<RunsTable>;
export type ApiKeyRow = Selectable<ApiKeysTable>;
export type RevisionRow = Selectable<JobRevisionsTable>;
