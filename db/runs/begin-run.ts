import { sql } from 'kysely';
import { isHook } from '../../domain/run/hook-trigger.ts';
import { isRequested } from '../../domain/run/origin.ts';
import { formatDuration } from '../../domain/duration.ts';
import type { Retry } from '../../domain/target/retry.ts';
import { reasonFor, type ReasonCode } from '../../domain/run/reasons.ts';
import type { RunDeadline } from '../../domain/run/run-deadline.ts';
import type { Trigger } from '../../domain/run/run.ts';
import type { StoredTarget } from '../../domain/target/target.ts';
import type { SealedSecret } from '../../platform/secret-box.ts';
import type { Database } from '../database.ts';
import { holderOf, lostCallsAt, newToken, NEXT_NUMBER, RUN_TOKEN } from './attempt-holder.ts';
import { PREPARED } from '../prepared-statements.ts';
import { HAS_CALL_WITHOUT_WORKFLOW, HAS_LIMITS, inForceAt, IS_CALL_IN_FLIGHT } from '../rules.ts';
import type { JobRow, RunRow } from '../schema.ts';

/** A run as a worker begins it, with what its attempt needs of its job. */
export type BegunRun = Pick<
  RunRow,
  | 'id'
  | 'trigger'
  | 'state'
  | 'reason'
  | 'attempts'
  | 'holder'
  | 'cancel_requested_at'
  | 'cause'
  | 'origin'
  | 'retry_of'
> & {
  job: Pick<JobRow, 'id' | 'namespace' | 'name' | 'labels' | 'policy'>;
  /** The target of the job, or of the hook that the run calls. */
  target: StoredTarget;
  /** The retry policy of the job, or of the hook. */
  retry: Retry;
  /** The secrets of the job, encrypted, by their fields; null if there are none. */
  secrets: Record<string, SealedSecret> | null;
  /** A run that the reconciler started, unknown to the Temporal Schedule, has to end first. */
  isBlocked: boolean;
  /** A call that Temporal has given up may still be in flight: of this run, or of one that `terminateOther` ended. */
  isHeld: boolean;
  /** When its timeout ends it; undefined if it has none. */
  deadline: RunDeadline | undefined;
};

/** How a run is begun for an attempt that is made at once. */
export interface AttemptToBegin {
  /** A local activity makes only the first attempt. */
  isLocal: boolean;
  /** The number of an attempt that was made before and has to be recorded: it keeps its holder. */
  madeNumber: number | undefined;
  /** Whether a call that Temporal has given up may still be in flight. */
  mayBeHeld: boolean;
}

/** A reason as a value of the type `jsonb`. */
const jsonOf = (code: ReasonCode) => sql`${JSON.stringify(reasonFor(code))}::jsonb`;

/** After this time the reconciler checks a run that has reached its deadline, which a live worker ends by itself. */
const CHECK_AFTER_DEADLINE = sql`interval '3 s'`;

/** The schedule of the job as it is now. */
export type CurrentSchedule = Pick<
  JobRow,
  'schedule' | 'schedule_since' | 'schedule_generation' | 'created_at'
> & {
  isActive: boolean;
};

/** The Temporal Schedule that started the run was out of date, or should have been paused. */
export type OutdatedStart = { state: 'outdated' } & CurrentSchedule;

/**
 * Begins a run, or reads it if it has begun before. Reads the job and writes the run in one statement. A run
 * of a deleted job, and an occurrence that was due before its job was paused, is recorded as skipped. An
 * occurrence is skipped or stays queued, by the overlap policy, while a run that the reconciler started
 * (`made_up`) is open, for the Temporal Schedule does not know of that one. A run whose job has limits stays
 * queued until it is granted a permit (permits.ts). Without limits, `attempt` makes the caller the holder of the attempt
 * that follows, if one may be made.
 *
 * A schedule of an older generation than the job's, or of a paused job, may start runs that are no
 * occurrences any more. If such a run is not stored, nothing is written, and the result is `outdated`. So it is if the row of a
 * hook is lost.
 * Undefined if the job is unknown.
 */
export async function beginRun(
  db: Database,
  run: {
    id: string;
    jobId: string;
    trigger: Trigger;
    /** The generation of the job from which the Temporal Schedule was written that started the run. */
    generation: number;
    scheduledAt: Date;
    startedAt: Date;
    workflowId: string;
    /** Null: no workflow, but the judge of lateness makes the attempt (activities/attempt/call-without-temporal.ts). */
    temporalRunId: string | null;
    deadline: RunDeadline | undefined;
    /** Undefined to read the run as it stands. */
    attempt: AttemptToBegin | undefined;
  },
): Promise<(BegunRun & CurrentSchedule) | OutdatedStart | undefined> {
  const { deadline, attempt } = run;
  const madeNumber = attempt?.madeNumber ?? null;
  const newHolder = holderOf(run, {
    token: sql`greatest((SELECT token FROM begun), ${RUN_TOKEN} + 1)`,
    number: NEXT_NUMBER,
    isDelegated: sql`(SELECT is_delegated FROM begun)`,
  });
  // Of the stored row: its next attempt begins now.
  const begins = sql`
    (runs.state = 'running' OR runs.state = 'queued' AND excluded.state = 'running') AND runs.cancel_requested_at IS NULL
    AND (SELECT token FROM begun) IS NOT NULL AND ${NEXT_NUMBER} IS DISTINCT FROM ${madeNumber}::integer
    AND NOT (${attempt?.isLocal ?? false}::boolean AND ${NEXT_NUMBER} > 1)`;
  const timeout = deadline ? formatDuration(deadline.timeoutMs) : null;
  const { rows } = await sql<
    Omit<BegunRun, 'state' | 'deadline'> & CurrentSchedule & { state: RunRow['state'] | null }
  >`${PREPARED}
    -- The job, what the run calls, and whether the run may begin.
    WITH job AS (
      SELECT *,
        -- A schedule resumed in Temporal alone starts occurrences that are recorded as paused (scheduling/occurrences/pause-log.ts).
        -- The row of a hook holds its cause. If the database has lost it, it has lost that cause, too.
        ${isHook(run.trigger)}::boolean OR ${run.trigger} = 'schedule' AND (${run.generation} < schedule_generation OR state = 'paused') AS is_outdated,
        ${run.trigger} = 'schedule' AND overlap <> 'allowAll' AND EXISTS (
          SELECT FROM runs
          WHERE job_id = jobs.id AND ended_at IS NULL AND made_up AND trigger = 'schedule' AND runs.id <> ${run.id}
            -- A queued run that was started waits for a permit, and comes before later occurrences.
            AND (runs.state = 'running' OR temporal_run_id IS NOT NULL AND scheduled_at < ${run.scheduledAt})
        ) AS is_blocked,
        ${attempt?.mayBeHeld ?? false}::boolean AND (
          EXISTS (
            SELECT FROM runs WHERE id = ${run.id} AND ${IS_CALL_IN_FLIGHT} AND holder->>'temporalRunId' IS DISTINCT FROM ${run.temporalRunId}::text
          )
          OR overlap = 'terminateOther' AND EXISTS (
            SELECT FROM runs WHERE job_id = jobs.id AND trigger = 'schedule' AND id <> ${run.id} AND ${IS_CALL_IN_FLIGHT}
              AND scheduled_at < ${run.scheduledAt} AND NOT made_up AND NOT (holder->'isDelegated')::boolean
          )
        )
        -- A call without a workflow keeps every other one waiting until it has surely ended.
        OR EXISTS (SELECT FROM runs WHERE id = ${run.id} AND ${HAS_CALL_WITHOUT_WORKFLOW}) AS is_held,
        ${isHook(run.trigger)}::boolean AS is_hook,
        CASE ${run.trigger} WHEN 'onFailure' THEN on_failure->'target' WHEN 'onRecovery' THEN on_recovery->'target'
             WHEN 'onLate' THEN on_late->'target' WHEN 'onTime' THEN on_time->'target'
             ELSE target END AS call_target,
        CASE ${run.trigger} WHEN 'onFailure' THEN on_failure->'retry' WHEN 'onRecovery' THEN on_recovery->'retry'
             WHEN 'onLate' THEN on_late->'retry' WHEN 'onTime' THEN on_time->'retry'
             ELSE retry END AS call_retry
      FROM jobs, LATERAL (
        -- An occurrence overlaps by the policy that was in force when it was due.
        SELECT CASE WHEN ${run.trigger} = 'schedule' THEN (${inForceAt('policy', run.scheduledAt)})->>'overlap' END AS overlap
      ) AS due
      WHERE id = ${run.jobId}
    ),
    -- Why the run is skipped, and whether it lacks a permit.
    gated AS (
      SELECT *,
        CASE
          WHEN deleted_at IS NOT NULL THEN ${jsonOf('jobDeleted')}
          WHEN call_target IS NULL THEN ${jsonOf('hookRemoved')}
          WHEN state = 'paused' AND ${run.trigger} = 'schedule' THEN ${jsonOf('pausedBeforeStart')}
          WHEN is_blocked AND overlap = 'skip' THEN ${jsonOf('overlap')}
        END AS skip_reason,
        NOT is_hook AND ${HAS_LIMITS} AS is_limited,
        NOT is_hook AND ${HAS_LIMITS} AND NOT EXISTS (
          SELECT FROM permits WHERE run_id = ${run.id} AND granted_at IS NOT NULL AND released_at IS NULL
        ) AS lacks_permit
      FROM job
    ),
    -- The state in which the run begins. No row: the start was outdated, and the run is not stored. Under limits, the
    -- attempt gets its token with the permit.
    begun AS (
      SELECT *,
        CASE WHEN skip_reason IS NOT NULL THEN 'skipped' WHEN is_blocked OR is_held OR lacks_permit THEN 'queued'
             ELSE 'running' END AS run_state,
        call_target->>'type' <> 'http' AS is_delegated,
        CASE WHEN ${attempt !== undefined}::boolean AND NOT is_held AND NOT is_limited THEN ${newToken()} END AS token
      FROM gated
      WHERE NOT is_outdated OR EXISTS (SELECT FROM runs WHERE id = ${run.id})
    ),
    -- Stores the run. A run that is not queued any more keeps what it has.
    run AS (
      INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, started_at, ended_at, state, reason,
                        reason_code, workflow_id, temporal_run_id, deadline, timeout, check_at, origin, holder)
      SELECT ${run.id}, id, namespace, generation, ${run.trigger}, ${run.scheduledAt},
             CASE WHEN run_state <> 'queued' THEN ${run.startedAt}::timestamptz END,
             CASE WHEN run_state = 'skipped' THEN ${run.startedAt}::timestamptz END,
             run_state, skip_reason->>'reason', skip_reason->>'reasonCode', ${run.workflowId}, ${run.temporalRunId},
             ${deadline?.at ?? null}::timestamptz, ${timeout}::text,
             least(now() + interval '30 s', ${deadline?.at ?? null}::timestamptz + ${CHECK_AFTER_DEADLINE}),
             -- A requested run keeps the origin that it was stored with.
             CASE WHEN NOT ${isRequested(run.trigger)}::boolean THEN origin END,
             CASE WHEN run_state = 'running' AND token IS NOT NULL THEN ${holderOf(run, { token: sql.ref('begun.token'), number: sql`1`, isDelegated: sql.ref('begun.is_delegated') })} END
      FROM begun
      ON CONFLICT (id) DO UPDATE SET
        job_generation  = CASE WHEN runs.state = 'queued' THEN excluded.job_generation ELSE runs.job_generation END,
        started_at      = CASE WHEN runs.state = 'queued' THEN excluded.started_at ELSE runs.started_at END,
        ended_at        = CASE WHEN runs.state = 'queued' THEN excluded.ended_at ELSE runs.ended_at END,
        -- A run that waits keeps its reason until it waits no more.
        reason          = CASE WHEN runs.state = 'queued' AND excluded.state <> 'queued' THEN excluded.reason ELSE runs.reason END,
        reason_code     = CASE WHEN runs.state = 'queued' AND excluded.state <> 'queued' THEN excluded.reason_code ELSE runs.reason_code END,
        state           = CASE WHEN runs.state = 'queued' THEN excluded.state ELSE runs.state END,
        temporal_run_id = coalesce(excluded.temporal_run_id, runs.temporal_run_id),
        deadline        = excluded.deadline,
        timeout         = excluded.timeout,
        check_at        = least(runs.check_at, excluded.deadline + ${CHECK_AFTER_DEADLINE}),
        origin          = coalesce(runs.origin, excluded.origin),
        holder          = CASE WHEN ${begins} THEN ${newHolder} ELSE runs.holder END,
        lost_calls      = CASE WHEN ${begins} THEN ${lostCallsAt(run.startedAt)} ELSE runs.lost_calls END
      RETURNING id, job_id, trigger, state, reason, attempts, holder, cancel_requested_at, cause, origin, retry_of
    )
    SELECT run.id, run.trigger, run.state, run.reason, run.attempts, run.holder, run.cancel_requested_at, run.cause,
           run.origin, run.retry_of,
           json_build_object('id', job.id, 'namespace', job.namespace, 'name', job.name, 'labels', job.labels,
                             'policy', job.policy) AS job,
           job.call_target AS target, job.call_retry AS retry, job.is_blocked AS "isBlocked", job.is_held AS "isHeld",
           (SELECT json_object_agg(field, json_build_object('keyId', key_id, 'sealed', sealed))
            FROM job_secrets WHERE job_secrets.job_id = job.id) AS secrets,
           job.schedule, job.schedule_since, job.created_at,
           job.schedule_generation, job.state = 'active' AND job.deleted_at IS NULL AS "isActive"
    FROM job LEFT JOIN run ON run.job_id = job.id`.execute(db);
  const [row] = rows;
  if (!row) return undefined;
  return row.state === null ? { ...row, state: 'outdated' } : { ...row, state: row.state, deadline };
}
