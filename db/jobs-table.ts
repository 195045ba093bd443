import type { Generated, JSONColumnType } from 'kysely';
import type { FailureHook, LateHook, OnTimeHook, RecoveryHook } from '../domain/job/hook.ts';
import type { JobState, RepairedDrift } from '../domain/job/job.ts';
import type { Policy } from '../domain/job/policy.ts';
import type { Lateness } from '../domain/run/hook-trigger.ts';
import type { Origin } from '../domain/run/origin.ts';
import type { StoredSchedule } from '../domain/schedule/schedule.ts';
import type { Retry } from '../domain/target/retry.ts';
import type { StoredTarget } from '../domain/target/target.ts';
import type { Json, Timestamp } from './column-types.ts';

/** Which job it is, and when and by which request it was last changed. */
interface Identity {
  id: string;
  namespace: string;
  state: JobState;
  /** Rises by one with every change (fencing). */
  generation: number;
  created_at: Timestamp;
  updated_at: Timestamp;
  /** Set on a tombstone: a deleted job, kept until Temporal has forgotten it and as long as it has runs. */
  deleted_at: Timestamp | null;
  /** The request that made the latest change; null if an older version made it. */
  origin: JSONColumnType<Origin | null, string | null | undefined, string | null>;
}

/** The definition of the job. The secrets of targets are in `job_secrets`. */
interface Definition {
  name: string;
  description: string;
  labels: Json<Record<string, string>>;
  schedule: Json<StoredSchedule>;
  /** The calendar that the schedule names. */
  calendar_id: string | null;
  /** The generation of the calendar's working days that the schedule holds. */
  calendar_generation: number | null;
  target: Json<StoredTarget>;
  policy: Json<Policy>;
  /** `policy.catchupWindow` in seconds, for processes of an older version. */
  catchup_seconds: number;
  retry: Json<Retry>;
  /** The timeout of one whole run, as a duration. */
  timeout: string | null;
  on_failure: JSONColumnType<FailureHook | null, string | null, string | null>;
  on_recovery: JSONColumnType<RecoveryHook | null, string | null, string | null>;
  on_late: JSONColumnType<LateHook | null, string | null, string | null>;
  on_time: JSONColumnType<OnTimeHook | null, string | null, string | null>;
}

/** How far Temporal matches the job (db/jobs/sync-state.ts). */
interface Sync {
  /** The generation that Temporal is known to match; 0 if there is none. */
  observed_generation: Generated<number>;
  /** Why Temporal could not be made to match; null if it does, or was not asked yet. */
  sync_error: string | null;
  /** The reconciler does not sync the job before this time. */
  sync_after: Timestamp;
  /** How often in a row Temporal has refused the job. */
  sync_attempts: Generated<number>;
}

/** The Temporal Schedule of the job, as it is to be and as it was last written. */
interface TemporalSchedule {
  /** The generation of the last change to anything that the schedule holds. */
  schedule_generation: number;
  /** From when on that generation counts: it has no earlier occurrences. */
  schedule_since: Timestamp;
  /** When the schedule was last written: it starts no earlier occurrences. Null if there is no schedule. */
  schedule_put_at: Timestamp | null;
  /** The hash of the spec that was last written; null to have it written again in any case. */
  spec_hash: string | null;
  /** The version of specs that it was written with (scheduling/schedules/spec-version.ts). */
  spec_version: string | null;
  /**
   * The hash of everything that Temporal held of the schedule when it was last written: any other one is drift. Null if
   * an older version wrote it.
   */
  schedule_hash: string | null;
  /** The same of what Temporal's list shows of it. */
  listed_hash: string | null;
}

/** The comparison of the Temporal Schedule with what was last written (db/jobs/drift.ts). */
interface Drift {
  /** When to compare it before its turn in the round, or, if it keeps drifting, not before; else null. */
  compare_at: Timestamp | null;
  /** How often in a row it had drifted when it was compared. */
  drift_count: Generated<number>;
  /** When drift was last repaired, and what it was. */
  healed_at: Timestamp | null;
  drift: JSONColumnType<RepairedDrift[] | null, string | null, string | null>;
}

/** How far the occurrences of the job are materialized (db/runs/occurrence-log.ts), and when they go on. */
interface OccurrenceLog {
  /** "Materialized to", in today's words: each earlier occurrence has a row in `runs`. */
  accounted_to: Timestamp;
  /** "Materialize at", in today's words: when to continue; null if there will be no more occurrences. */
  account_at: Timestamp | null;
  /** Scheduled runs that retention has removed: they still count for `maxRuns`. */
  runs_removed: Generated<number>;
  /** When the last occurrence is due; null if there is no last one. */
  finishes_at: Timestamp | null;
  /** The next run, as of when it was computed; null if there is none (db/jobs/next-runs.ts). */
  next_run_at: Timestamp | null;
}

/** The present pause; all null if the job is not paused. */
interface Pause {
  pause_reason: string | null;
  paused_by: string | null;
  paused_at: Timestamp | null;
  paused_until: Timestamp | null;
}

/** How the last scheduled runs have ended (db/runs/run-progress.ts). */
interface Health {
  consecutive_failures: Generated<number>;
  /** `onFailure` was called, and no scheduled run has succeeded since. */
  is_alerted: Generated<boolean>;
}

/** Whether the job is late (db/upkeep/lateness.ts). */
interface Late {
  /** The present episode; null if there is none. */
  late: JSONColumnType<Lateness | null, string | null, string | null>;
  /** What was due at or before this time does not make it late: the job was not active then, or had no `onLate`. */
  late_watched_since: Timestamp | null;
  /** What became late until then has been judged. */
  late_judged_to: Timestamp | null;
  /** When to judge it next; null if it has no `onLate`, or is not active. */
  late_check_at: Timestamp | null;
}

/** A row for each job, and for each tombstone of one. */
export type JobsTable = Identity &
  Definition &
  Sync &
  TemporalSchedule &
  Drift &
  OccurrenceLog &
  Pause &
  Health &
  Late;
