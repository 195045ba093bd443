import type { ColumnType, Generated, Insertable, JSONColumnType, Selectable, Updateable } from 'kysely';
import type { BusinessCalendarDefinition } from '../domain/business-calendar/business-calendar.ts';
import type { WorkingDays } from '../domain/business-calendar/working-days.ts';
import type { Scope } from '../domain/access.ts';
import type { AuditAction, AuditResource, Source } from '../domain/job/audit.ts';
import type { BackfillInput, BackfillOverlap } from '../domain/run/backfill.ts';
import type { RevisionAction, RevisionChanges } from '../domain/job/revision.ts';
import type { RecordedRunEvent } from '../domain/run/run-event.ts';
import type { Json, SourceColumn, Timestamp } from './column-types.ts';
import type { JobsTable } from './jobs-table.ts';
import type { RunsTable } from './runs-table.ts';

/** A row for each generation of a job. */
interface JobRevisionsTable {
  job_id: string;
  generation: number;
  at: Timestamp;
  by: string;
  action: RevisionAction;
  changes: Json<RevisionChanges>;
  source: SourceColumn;
}

/** A business calendar. */
interface CalendarsTable {
  id: string;
  namespace: string;
  name: string;
  definition: Json<BusinessCalendarDefinition>;
  /** Its working days, with those of included calendars. */
  days: Json<WorkingDays>;
  /** Rises with each change of `days`. */
  days_generation: number;
  /** Rises by one with every change of `definition`. */
  generation: number;
  created_at: Timestamp;
  updated_at: Timestamp;
}

/** A row for each generation of a calendar, kept when it is deleted. */
interface CalendarRevisionsTable {
  calendar_id: string;
  namespace: string;
  name: string;
  generation: number;
  at: Timestamp;
  by: string;
  action: RevisionAction;
  changes: Json<RevisionChanges>;
  source: SourceColumn;
}

/** An encrypted secret of a job (platform/secret-box.ts). */
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
  /** What was asked for; null if an older version stored the backfill. */
  range: JSONColumnType<BackfillRange | null, string, never>;
  created_at: Timestamp;
  source: SourceColumn;
}

/** The occurrences that a backfill was asked to run. */
export type BackfillRange = Pick<BackfillInput, 'from' | 'to' | 'onlyMissing'>;

interface IdempotencyKeysTable {
  namespace: string;
  key: string;
  /** A hash of the request. */
  fingerprint: string;
  /** The id of the resource that the request creates. */
  resource_id: string;
  /** The response; null while the request is in progress. */
  answer: JSONColumnType<IdempotentAnswer | null, string | null, string | null>;
  /** Without a response by this time, the process that works on the request is taken to be dead. */
  locked_until: Timestamp;
  created_at: Timestamp;
}

/** A response, as it is sent again. */
export interface IdempotentAnswer {
  status: number;
  headers: Record<string, string>;
  body: unknown;
}

/** A permit of a run under the limits of its job, from the moment when the run requests it (db/runs/permits.ts). */
interface PermitsTable {
  id: Generated<string>;
  run_id: string;
  /** Whose limits they are: those of a concurrency key, or of one job. */
  scope: string;
  /** The limits of the job, as of the request. */
  max_concurrent: number | null;
  rate_max: number | null;
  rate_per_ms: number | null;
  /** The position in the queue. */
  asked_at: Timestamp;
  granted_at: Timestamp | null;
  /** When the attempt began. */
  started_at: Timestamp | null;
  /** When the attempt ended, or was given up. */
  released_at: Timestamp | null;
  /** Until when it counts for the rate limit, though released. */
  counts_until: Timestamp | null;
  /** The fencing token of the attempt that was begun with it; null before that. */
  token: Generated<string | null>;
  /** When to signal the run again that it has a permit. */
  remind_at: Timestamp | null;
}

/** A change of a run (db/runs/run-events.ts). */
interface RunEventsTable {
  id: Generated<string>;
  /** The position in the stream of events; null until it has one. */
  place: string | null;
  run_id: string;
  job_id: string;
  namespace: string;
  at: Timestamp;
  run: JSONColumnType<RecordedRunEvent, string, string>;
}

/** A key for the API (domain/api-key.ts). */
interface ApiKeysTable {
  id: string;
  namespace: string;
  name: string;
  /** The hash of the key with the pepper (api/access/api-key-format.ts). */
  hash: string;
  /** The part of the key that is shown. */
  hint: string;
  scopes: Scope[];
  created_at: Timestamp;
  created_by: string;
  expires_at: Timestamp | null;
  last_used_at: Timestamp | null;
  revoked_at: Timestamp | null;
  revoked_by: string | null;
  /** The request that created the key. */
  source: SourceColumn;
  /** The request that revoked it. */
  revoke_source: SourceColumn;
}

/** An entry of the audit log, which triggers write (db/migrations/0018-audit-log.ts). */
interface AuditLogTable {
  namespace: string;
  at: ColumnType<Date, never, never>;
  id: ColumnType<string, never, never>;
  by: string;
  action: AuditAction;
  resource: AuditResource;
  resource_id: string;
  job_id: string | null;
  generation: number | null;
  fields: string[];
  details: JSONColumnType<Record<string, unknown>, never, never>;
  /** Without `by`, which has a column of its own; empty if the service itself made the change. */
  source: JSONColumnType<Partial<Source>, never, never>;
}

/** A job that a step of the reconciler has failed on (db/upkeep/deferrals.ts). */
interface DeferralsTable {
  step: string;
  job_id: string;
  /** Failures in a row. */
  failures: number;
  retry_at: Timestamp;
}

/**
 * One row: the lease of the reconciler, when it last finished a pass and a sweep, and how far it has compared the
 * schedules (db/upkeep/reconciler-lease.ts).
 */
interface ReconcilerTable {
  single: Generated<boolean>;
  holder: string | null;
  lease_until: Timestamp;
  passed_at: Timestamp;
  swept_at: Timestamp;
  /** The job up to which a round has compared the schedules; null if none is in progress. */
  compared_to: string | null;
  /** When the last round began. */
  round_at: Timestamp;
  /** When HEARTBEAT_URL was last called. */
  heartbeat_at: Timestamp;
}

/**
 * The tables, as Kysely sees them. `db/migrations` creates them. Some columns keep an older word, for running
 * versions read them: their comments say today's one.
 */
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
  audit_log: AuditLogTable;
  calendars: CalendarsTable;
  calendar_revisions: CalendarRevisionsTable;
}

export type JobRow = Selectable<JobsTable>;
export type JobUpdate = Updateable<JobsTable>;
export type RunRow = Selectable<RunsTable>;
export type NewRun = Insertable<RunsTable>;
export type ApiKeyRow = Selectable<ApiKeysTable>;
export type AuditRow = Selectable<AuditLogTable>;
export type CalendarRow = Selectable<CalendarsTable>;
export type CalendarRevisionRow = Selectable<CalendarRevisionsTable>;
export type RevisionRow = Selectable<JobRevisionsTable>;
