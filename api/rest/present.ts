import { reasonCodeOf } from '../../domain/run/reasons.ts';
import type { LastRun } from '../../db/runs/runs.ts';
import type { ApiKeyRow, JobRow, RevisionRow, RunRow } from '../../db/schema.ts';
import type { ApiKey } from '../../domain/api-key.ts';
import { toInstant } from '../../domain/instant.ts';
import type { Job, SyncState } from '../../domain/job/job.ts';
import type { Revision } from '../../domain/job/revision.ts';
import { findJobWarnings } from '../../domain/job/find-job-warnings.ts';
import type { Lateness } from '../../domain/run/hook-trigger.ts';
import { listCalls, type Call } from '../../domain/run/attempt-holder.ts';
import type { Attempt, Run } from '../../domain/run/run.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { findWarnings } from '../../domain/schedule/find-warnings.ts';
import { prepareMovedFrom } from '../../domain/schedule/moved-from.ts';
import { summarizeSchedule } from '../../domain/schedule/schedule-summary.ts';
import { skipsIn } from '../../domain/schedule/skips.ts';
import { asRequested } from '../../domain/schedule/as-requested.ts';
import { definitionOf } from '../../scheduling/jobs/job-definition.ts';
import { upcomingOf } from '../../scheduling/occurrences/upcoming.ts';

/** How many of the next occurrences a job shows. */
const UPCOMING = 5;

const instantOf = (date: Date) => toInstant(date.getTime());

/** What a job shows of its runs. */
export interface RunsOfJob {
  lastRun: LastRun | undefined;
  /** The number of runs that count for `maxRuns`; 0 for a job without it. */
  scheduledRuns: number;
}

/** A job as the API answers it. Lists leave the warnings out. */
export function presentJob(
  job: JobRow,
  { lastRun, scheduledRuns }: RunsOfJob,
  now: Date,
  { withWarnings = false } = {},
): Job {
  const query = { scheduledRuns, after: now.getTime(), limit: UPCOMING, withWarnings };
  const { schedule, upcoming, fault } = evaluateSchedule(job, query);
  const definition = definitionOf(job);
  return {
    id: job.id,
    namespace: job.namespace,
    ...definition,
    schedule,
    state: job.state,
    pause: presentPause(job),
    skips: job.state === 'completed' ? [] : skipsIn(job.schedule, now.getTime()),
    status: {
      nextRunAt: upcoming[0] === undefined ? null : toInstant(upcoming[0]),
      upcoming: upcoming.map(toInstant),
      lastRun: lastRun
        ? { id: lastRun.id, scheduledAt: instantOf(lastRun.scheduled_at), state: lastRun.state }
        : null,
      consecutiveFailures: job.consecutive_failures,
      late: job.state === 'active' ? presentLateness(job.late) : null,
    },
    sync: {
      state: syncStateOf(job),
      generation: job.generation,
      observedGeneration: job.observed_generation,
      error: job.sync_error ?? fault,
      healedAt: job.healed_at && instantOf(job.healed_at),
      drift: job.drift,
    },
    createdAt: instantOf(job.created_at),
    updatedAt: instantOf(job.updated_at),
    ...(withWarnings ? { warnings: findJobWarnings(definition) } : {}),
  };
}

interface EvaluatedSchedule {
  schedule: Job['schedule'];
  /** Milliseconds since the epoch. */
  upcoming: number[];
  /** From which dates an occurrence was moved by business days. */
  movedFrom: (instant: number) => string[];
  /** Why the rest is incomplete; null if it is not. */
  fault: string | null;
}

/**
 * Evaluates a stored schedule. Another version of the service may have accepted what this one cannot evaluate, such as a
 * new time zone. Such a job is still answered, with the fault, so that it does not break whole lists.
 */
export function evaluateSchedule(
  job: Pick<JobRow, 'schedule' | 'state'>,
  query: { scheduledRuns: number; after: number; limit: number; withWarnings: boolean },
): EvaluatedSchedule {
  const { scheduledRuns, after, limit, withWarnings } = query;
  try {
    const compiled = compileSchedule(job.schedule);
    const warnings = withWarnings ? findWarnings(job.schedule, after, compiled) : undefined;
    return {
      schedule: {
        ...asRequested(job.schedule),
        summary: summarizeSchedule(job.schedule),
        ...(warnings ? { warnings } : {}),
      },
      upcoming: upcomingOf(job, scheduledRuns, after, limit, compiled),
      movedFrom: prepareMovedFrom(compiled),
      fault: null,
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      schedule: {
        ...asRequested(job.schedule),
        summary: 'A schedule that this version of the service cannot evaluate',
        ...(withWarnings ? { warnings: [] } : {}),
      },
      upcoming: [],
      movedFrom: () => [],
      fault: `This version of the service cannot evaluate the schedule: ${reason}`,
    };
  }
}

function presentPause(job: JobRow): Job['pause'] {
  if (job.paused_at === null) return null;
  return {
    reason: job.pause_reason ?? '',
    at: instantOf(job.paused_at),
    by: job.paused_by ?? '',
    until: job.paused_until && instantOf(job.paused_until),
  };
}

function syncStateOf(job: JobRow): SyncState {
  if (job.observed_generation === job.generation) return 'synced';
  return job.sync_error === null ? 'pending' : 'error';
}

/** A run as the API answers it. */
export function presentRun(run: RunRow, temporal: { uiUrl: string | undefined; namespace: string }): Run {
  const path = `/namespaces/${encodeURIComponent(temporal.namespace)}/workflows/${encodeURIComponent(run.workflow_id)}`;
  const url =
    temporal.uiUrl &&
    `${temporal.uiUrl.replace(/\/$/, '')}${path}${run.temporal_run_id ? `/${run.temporal_run_id}/history` : ''}`;
  return {
    id: run.id,
    jobId: run.job_id,
    jobGeneration: run.job_generation,
    trigger: run.trigger,
    scheduledAt: instantOf(run.scheduled_at),
    movedFrom: run.moved_from,
    startedAt: run.started_at && instantOf(run.started_at),
    endedAt: run.ended_at && instantOf(run.ended_at),
    state: run.state,
    reason: run.reason,
    reasonCode: reasonCodeOf({ ...run, reasonCode: run.reason_code }),
    cancelRequestedAt: run.cancel_requested_at && instantOf(run.cancel_requested_at),
    retryOf: run.retry_of,
    cause: run.cause && 'runId' in run.cause ? run.cause : null,
    late: run.cause && 'condition' in run.cause ? presentLateness(run.cause) : null,
    occurrences: presentOccurrences(run),
    attempts: listCalls(run).map(presentAttempt),
    temporal: { workflowId: run.workflow_id, runId: run.temporal_run_id, url: url ?? null },
  };
}

/** Names each field, because the JSON from the database has another order. */
const presentLateness = (late: Lateness | null): Lateness | null =>
  late && { condition: late.condition, since: late.since, scheduledAt: late.scheduledAt };

function presentOccurrences({ scheduled_at, last_scheduled_at, occurrences }: RunRow): Run['occurrences'] {
  if (last_scheduled_at === null || occurrences === null) return null;
  return { from: instantOf(scheduled_at), to: instantOf(last_scheduled_at), count: occurrences };
}

/** Names each field, because the JSON from the database has another order. */
function presentAttempt({
  number,
  startedAt,
  endedAt,
  outcome,
  statusCode,
  error,
  responseExcerpt,
  retryAt = null,
}: Call): Attempt {
  // Not negative, even if the clock was set back meanwhile.
  const durationMs = Math.max(0, Date.parse(endedAt) - Date.parse(startedAt));
  return { number, startedAt, endedAt, durationMs, outcome, statusCode, error, responseExcerpt, retryAt };
}

/** An API key as the API answers it, without the key itself. */
export const presentApiKey = (row: ApiKeyRow): ApiKey => ({
  id: row.id,
  namespace: row.namespace,
  name: row.name,
  scopes: row.scopes,
  hint: row.hint,
  createdAt: instantOf(row.created_at),
  createdBy: row.created_by,
  expiresAt: row.expires_at && instantOf(row.expires_at),
  lastUsedAt: row.last_used_at && instantOf(row.last_used_at),
  revokedAt: row.revoked_at && instantOf(row.revoked_at),
  revokedBy: row.revoked_by,
});

/** A revision of a job or a calendar as the API answers it. */
export const presentRevision = ({
  generation,
  at,
  by,
  action,
  changes,
}: Omit<RevisionRow, 'job_id' | 'source'>): Revision => ({
  generation,
  at: instantOf(at),
  by,
  action,
  changes,
});
