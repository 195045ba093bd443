import { sql, type RawBuilder } from 'kysely';
import type { RecordedAttempt, Trigger } from '../domain/run.ts';
import { isHook } from '../domain/hook.ts';
import type { Retry } from '../domain/retry.ts';
import { workflowIdOfRun } from '../domain/run-job.ts';
import type { TargetAnswer } from '../domain/target.ts';
import type { SealedSecret } from '../platform/secret-box.ts';
import type { Database } from './database.ts';
import { RELEASED } from './permits.ts';
import type { JobRow, RunRow } from './schema.ts';

// How a run begins, makes its attempts and ends. Each is one statement, for these are what a worker does all day.

/** What the worker learns when it begins a run: how the run stands, and what its job wants. */
export type BegunRun = Pick<
  RunRow,
  'id' | 'trigger' | 'state' | 'reason' | 'attempts' | 'cancel_requested_at' | 'cause'
> & {
  job: Pick<JobRow, 'id' | 'namespace' | 'name' | 'labels' | 'policy'>;
  /** Of the job, or of the hook that the run calls. */
  target: TargetAnswer;
  retry: Retry;
  /** Of the job, encrypted, by their fields; null if there are none. */
  secrets: Record<string, SealedSecret> | null;
  /** A run that its schedule does not know of has to end first. */
  isBlocked: boolean;
};

/** A job whose Temporal Schedule was out of date when it started a run. */
export type OutdatedStart = { state: 'outdated' } & Pick<
  JobRow,
  'schedule' | 'schedule_since' | 'schedule_generation'
> & { isActive: boolean };

/**
 * Begins a run, or finds it as it stands if it has begun before. Reads the job and writes the run in one statement.
 * A run of a deleted job, and an occurrence of a paused one, is recorded as skipped. An occurrence whose job has a run
 * that the schedule does not know of (`made_up`) is skipped as well, or stays queued, as the overlap policy says. A run
 * whose job has limits stays queued until it was granted its turn (permits.ts).
 *
 * A schedule of an older generation than the job's may start what is no occurrence any more: unless its run is known,
 * nothing is written, and the answer is `outdated`. Undefined if the job is unknown.
 */
export async function beginRun(
  db: Database,
  run: {
    id: string;
    jobId: string;
    trigger: Trigger;
    /** Of the job, when the Temporal Schedule that started the run was made. */
    generation: number;
    scheduledAt: Date;
    startedAt: Date;
    workflowId: string;
    temporalRunId: string;
  },
): Promise<BegunRun | OutdatedStart | undefined> {
  const { rows } = await sql<
    Omit<BegunRun, 'state'> & Omit<OutdatedStart, 'state'> & { state: RunRow['state'] | null }
  >`
    WITH job AS (
      SELECT *,
        ${run.trigger} = 'schedule' AND ${run.generation} < schedule_generation AS is_outdated,
        ${run.trigger} = 'schedule' AND policy->>'overlap' <> 'allowAll' AND EXISTS (
          SELECT FROM runs
          WHERE job_id = jobs.id AND ended_at IS NULL AND made_up AND trigger = 'schedule' AND state = 'running' AND runs.id <> ${run.id}
        ) AS is_blocked,
        ${isHook(run.trigger)}::boolean AS is_hook,
        CASE ${run.trigger} WHEN 'onFailure' THEN on_failure->'target' WHEN 'onRecovery' THEN on_recovery->'target'
             ELSE target END AS call_target,
        CASE ${run.trigger} WHEN 'onFailure' THEN on_failure->'retry' WHEN 'onRecovery' THEN on_recovery->'retry'
             ELSE retry END AS call_retry
      FROM jobs WHERE id = ${run.jobId}
    ), judged AS (
      SELECT *,
        CASE
          WHEN deleted_at IS NOT NULL THEN 'the job was deleted'
          WHEN call_target IS NULL THEN 'the job does not have this hook any more'
          WHEN state = 'paused' AND ${run.trigger} = 'schedule' THEN 'the job is paused'
          WHEN is_blocked AND policy->>'overlap' = 'skip' THEN 'overlap: another run was under way'
        END AS skip_reason,
        NOT is_hook AND (policy->'maxConcurrent' IS NOT NULL OR policy->'rateLimit' IS NOT NULL) AND NOT EXISTS (
          SELECT FROM permits WHERE run_id = ${run.id} AND granted_at IS NOT NULL AND released_at IS NULL
        ) AS has_no_turn
      FROM job
    ), begun AS (
      SELECT *,
        CASE WHEN skip_reason IS NOT NULL THEN 'skipped' WHEN is_blocked OR has_no_turn THEN 'queued' ELSE 'running' END AS run_state
      FROM judged
      WHERE NOT is_outdated OR EXISTS (SELECT FROM runs WHERE id = ${run.id})
    ), run AS (
      INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, started_at, ended_at, state, reason,
                        workflow_id, temporal_run_id)
      SELECT ${run.id}, id, namespace, generation, ${run.trigger}, ${run.scheduledAt},
             CASE WHEN run_state <> 'queued' THEN ${run.startedAt}::timestamptz END,
             CASE WHEN run_state = 'skipped' THEN ${run.startedAt}::timestamptz END,
             run_state, skip_reason, ${run.workflowId}, ${run.temporalRunId}
      FROM begun
      ON CONFLICT (id) DO UPDATE SET
        job_generation  = CASE WHEN runs.state = 'queued' THEN excluded.job_generation ELSE runs.job_generation END,
        started_at      = CASE WHEN runs.state = 'queued' THEN excluded.started_at ELSE runs.started_at END,
        ended_at        = CASE WHEN runs.state = 'queued' THEN excluded.ended_at ELSE runs.ended_at END,
        reason          = CASE WHEN runs.state = 'queued' THEN excluded.reason ELSE runs.reason END,
        state           = CASE WHEN runs.state = 'queued' THEN excluded.state ELSE runs.state END,
        temporal_run_id = excluded.temporal_run_id
      RETURNING id, job_id, trigger, state, reason, attempts, cancel_requested_at, cause
    )
    SELECT run.id, run.trigger, run.state, run.reason, run.attempts, run.cancel_requested_at, run.cause,
           json_build_object('id', job.id, 'namespace', job.namespace, 'name', job.name, 'labels', job.labels,
                             'policy', job.policy) AS job,
           job.call_target AS target, job.call_retry AS retry, job.is_blocked AS "isBlocked",
           (SELECT json_object_agg(field, json_build_object('keyId', key_id, 'sealed', sealed))
            FROM job_secrets WHERE job_secrets.job_id = job.id) AS secrets,
           job.schedule, job.schedule_since,
           job.schedule_generation, job.state = 'active' AND job.deleted_at IS NULL AS "isActive"
    FROM job LEFT JOIN run ON run.job_id = job.id`.execute(db);
  const [row] = rows;
  if (!row) return undefined;
  return row.state === null ? { ...row, state: 'outdated' } : { ...row, state: row.state };
}

/** A time of the database as this service writes instants, for JSON. */
const instantText = (time: RawBuilder<unknown>) =>
  sql`replace(to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '.000Z', 'Z')`;

/** How a run ends. */
export interface RunEnd {
  state: 'succeeded' | 'failed' | 'cancelled' | 'timedOut' | 'skipped' | 'missed';
  reason: string | null;
}

/** The end of a run that somebody wanted to end. */
export const CANCELLED: RunEnd = { state: 'cancelled', reason: 'the run was cancelled' };

/**
 * Adds an attempt to a running run, gives its turn back, and ends the run if this was its last one. Doing it again changes nothing. `goneUrl`
 * is given if the target there answered that it is gone for good: its job is paused, unless it has another URL by now.
 */
export async function recordAttempt(
  db: Database,
  runId: string,
  attempt: RecordedAttempt,
  end: RunEnd | undefined,
  goneUrl?: string,
): Promise<void> {
  const endedAt = new Date(attempt.endedAt);
  await updateAndJudge(
    db,
    endedAt,
    sql`
      UPDATE runs SET
        attempts = attempts || ${JSON.stringify([attempt])}::jsonb,
        state    = ${end?.state ?? 'running'},
        reason   = ${end?.reason ?? null},
        ended_at = ${end ? endedAt : null}::timestamptz
      WHERE id = ${runId} AND state = 'running' AND jsonb_array_length(attempts) = ${attempt.number - 1}`,
    goneUrl,
  );
}

/** Notes what an open run waits for; null: for nothing. */
export async function setReason(db: Database, runId: string, reason: string | null): Promise<void> {
  await sql`
    UPDATE runs SET reason = ${reason}
    WHERE id = ${runId} AND ended_at IS NULL AND reason IS DISTINCT FROM ${reason}`.execute(db);
}

/** Ends an occurrence that nobody has started; one that was started in this very moment is left alone. */
export async function endUnstarted(db: Database, runId: string, end: RunEnd, endedAt: Date): Promise<void> {
  await db
    .updateTable('runs')
    .set({ state: end.state, reason: end.reason, ended_at: endedAt })
    .where('id', '=', runId)
    .where('state', '=', 'queued')
    .where('temporal_run_id', 'is', null)
    .execute();
}

/** Ends a run that has not ended, without another attempt. */
export async function endRun(db: Database, runId: string, end: RunEnd, endedAt: Date): Promise<void> {
  await updateAndJudge(
    db,
    endedAt,
    sql`
      UPDATE runs SET state = ${end.state}, reason = ${end.reason}, ended_at = ${endedAt}
      WHERE id = ${runId} AND ended_at IS NULL`,
  );
}

/**
 * Updates a run, and gives its turn back. If that ended a scheduled run, counts the job's failures in a row, and queues
 * the call of a hook when they are so many as its author said, or when they are over. Pauses the job when its policy
 * says so, or when its target is gone: another generation, with its revision.
 */
async function updateAndJudge(
  db: Database,
  at: Date,
  update: RawBuilder<unknown>,
  goneUrl: string | null = null,
): Promise<void> {
  await sql`
    WITH run AS (${update} RETURNING id, job_id, trigger, state, reason, scheduled_at),
    freed AS (
      UPDATE permits SET ${RELEASED} FROM run WHERE permits.run_id = run.id AND released_at IS NULL
    ), counted AS (
      SELECT *,
             trigger = 'schedule' AND state IN ('succeeded', 'failed', 'timedOut') AS counts,
             state <> 'succeeded' AS failed
      FROM run
    ), failing AS (
      SELECT jobs.id,
             counts AND failed AND NOT jobs.is_alerted AND (jobs.on_failure IS NOT NULL OR jobs.on_recovery IS NOT NULL)
               AND jobs.consecutive_failures + 1 >= coalesce((jobs.on_failure->>'after')::integer, 1) AS alerts,
             counts AND NOT failed AND jobs.is_alerted AS recovers,
             json_build_object('runId', counted.id, 'scheduledAt', ${instantText(sql.ref('counted.scheduled_at'))},
                               'state', counted.state, 'reason', counted.reason, 'consecutiveFailures',
                               jobs.consecutive_failures + failed::integer) AS cause,
             CASE WHEN NOT counts THEN jobs.consecutive_failures WHEN failed THEN jobs.consecutive_failures + 1 ELSE 0 END AS failures,
             CASE WHEN jobs.state <> 'active' OR jobs.deleted_at IS NOT NULL THEN NULL
                  WHEN jobs.target->>'url' = ${goneUrl}::text THEN 'status 410'
                  WHEN counts AND failed AND jobs.consecutive_failures + 1 >= (jobs.policy->>'pauseAfterFailures')::integer
                    THEN 'policy.pauseAfterFailures' END AS rule
      FROM jobs JOIN counted ON counted.job_id = jobs.id
      WHERE ${goneUrl}::text IS NOT NULL OR counts AND (failed OR jobs.consecutive_failures > 0 OR jobs.is_alerted)
      -- Whoever changes the job in this moment is waited for, and judged by.
      FOR NO KEY UPDATE OF jobs
    ), judged AS (
      SELECT *, rule IS NOT NULL AS pauses,
             CASE rule WHEN 'status 410' THEN 'the target answered 410: it is gone for good'
                       ELSE failures || ' scheduled runs failed in a row' END AS pause_reason
      FROM failing
    ), changed AS (
      UPDATE jobs SET
        consecutive_failures = judged.failures,
        is_alerted   = (jobs.is_alerted OR judged.alerts) AND NOT judged.recovers,
        state        = CASE WHEN judged.pauses THEN 'paused' ELSE jobs.state END,
        pause_reason = CASE WHEN judged.pauses THEN judged.pause_reason ELSE jobs.pause_reason END,
        paused_by    = CASE WHEN judged.pauses THEN judged.rule ELSE jobs.paused_by END,
        paused_at    = CASE WHEN judged.pauses THEN ${at}::timestamptz ELSE jobs.paused_at END,
        updated_at   = CASE WHEN judged.pauses THEN ${at}::timestamptz ELSE jobs.updated_at END,
        sync_after   = CASE WHEN judged.pauses THEN ${at}::timestamptz ELSE jobs.sync_after END,
        generation   = jobs.generation + judged.pauses::integer,
        schedule_generation = CASE WHEN judged.pauses THEN jobs.generation + 1 ELSE jobs.schedule_generation END,
        schedule_since      = CASE WHEN judged.pauses THEN ${at}::timestamptz ELSE jobs.schedule_since END
      FROM judged WHERE jobs.id = judged.id
      RETURNING jobs.id, jobs.namespace, jobs.generation, jobs.pause_reason, jobs.paused_by, judged.pauses, judged.cause,
                CASE WHEN jobs.deleted_at IS NOT NULL THEN NULL
                     WHEN judged.alerts AND jobs.on_failure IS NOT NULL THEN 'onFailure'
                     WHEN judged.recovers AND jobs.on_recovery IS NOT NULL THEN 'onRecovery' END AS hook
    ), hook AS (
      INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, state, workflow_id, cause, check_at)
      SELECT run_id, id, namespace, generation, hook, ${at}, 'queued', ${workflowIdOfRun('')}::text || run_id, cause, ${at}
      FROM (SELECT *, gen_random_uuid() AS run_id FROM changed WHERE hook IS NOT NULL) AS called
    )
    INSERT INTO job_revisions (job_id, generation, at, by, action, changes)
    SELECT id, generation, ${at}, paused_by, 'paused',
           json_build_object('state', json_build_object('before', 'active', 'after', 'paused'),
                             'pause.reason', json_build_object('before', NULL, 'after', pause_reason))
    FROM changed WHERE pauses`.execute(db);
}
