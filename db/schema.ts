import type { ColumnType, Generated, Insertable, JSONColumnType, Selectable } from 'kysely';
import type { JobState } from '../domain/job.ts';
import type { Policy } from '../domain/policy.ts';
import type { Retry } from '../domain/retry.ts';
import type { Attempt, RunState, Trigger } from '../domain/run.ts';
import type { Schedule } from '../domain/schedule.ts';
import type { Target } from '../domain/target.ts';

type Json<T extends object> = JSONColumnType<T, string, string>;
type Timestamp = ColumnType<Date, Date, Date>;

interface JobsTable {
  id: string;
  namespace: string;
  name: string;
  description: string;
  labels: Json<Record<string, string>>;
  schedule: Json<Schedule>;
  target: Json<Target>;
  policy: Json<Policy>;
  retry: Json<Retry>;
  state: JobState;
  /** Rises by one with every change. */
  generation: number;
  /** The generation that the Temporal Schedule is known to match; 0 if there is none yet. */
  observed_generation: Generated<number>;
  sync_error: string | null;
  /** `policy.catchupWindow`, for queries. */
  catchup_seconds: number;
  /** What the Temporal Schedule was made for besides the job: see scheduling/spec-version.ts. */
  spec_version: string | null;
  /** Of its last occurrence; null if there is none. */
  finishes_at: Timestamp | null;
  consecutive_failures: Generated<number>;
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
  attempts: Json<Attempt[]>;
  workflow_id: string;
  temporal_run_id: string | null;
  created_at: ColumnType<Date, never, never>;
}

/** The tables, as Kysely sees them. `db/migrations` makes them. */
export interface Schema {
  jobs: JobsTable;
  runs: RunsTable;
}

export type JobRow = Selectable<JobsTable>;
export type NewJob = Insertable<JobsTable>;
export type RunRow = Selectable<RunsTable>;
export type NewRun = Insertable<RunsTable>;
