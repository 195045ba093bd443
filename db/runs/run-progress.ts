import { sql, type RawBuilder } from 'kysely';
import type { RecordedAttempt } from '../../domain/run/run.ts';
import { reasonFor, type Reason } from '../../domain/run/reasons.ts';
import { workflowIdOfRun } from '../../domain/run/ids.ts';
import type { Database } from '../database.ts';
import { RELEASED } from './permits.ts';
import { PREPARED } from '../prepared-statements.ts';

// How a run makes its attempts and ends. Each is one statement, for these are what a worker does all day.

/** A time of the database as this service writes instants, for JSON. */
const instantText = (time: RawBuilder<unknown>) =>
  sql`replace(to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '.000Z', 'Z')`;

/** How a run ends, and why, if there is more to say than its state. */
export type RunEnd = {
  state: 'succeeded' | 'failed' | 'cancelled' | 'timedOut' | 'skipped' | 'missed';
} & (Reason | { reason: null; reasonCode: null });

/** The end of a run that somebody wanted to end. */
export const CANCELLED: RunEnd & Reason = { state: 'cancelled', ...reasonFor('cancelled') };

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
  await updateAndCountFailures(
    db,
    endedAt,
    sql`
      UPDATE runs SET
        attempts = attempts || ${JSON.stringify([attempt])}::jsonb,
        state    = ${end?.state ?? 'running'},
        reason   = ${end?.reason ?? null},
        reason_code = ${end?.reasonCode ?? null},
        ended_at = ${end ? endedAt : null}::timestamptz
      WHERE id = ${runId} AND state = 'running' AND jsonb_array_length(attempts) = ${attempt.number - 1}`,
    goneUrl,
  );
}

/** Notes what an open run waits for; null: for nothing. */
export async function setReason(db: Database, runId: string, waitsFor: Reason | null): Promise<void> {
  const reason = waitsFor?.reason ?? null;
  await sql`
    UPDATE runs SET reason = ${reason}, reason_code = ${waitsFor?.reasonCode ?? null}
    WHERE id = ${runId} AND ended_at IS NULL AND reason IS DISTINCT FROM ${reason}`.execute(db);
}

/** Ends an occurrence that nobody has started; one that was started in this very moment is left alone. */
export async function endUnstarted(db: Database, runId: string, end: RunEnd, endedAt: Date): Promise<void> {
  await db
    .updateTable('runs')
    .set({ state: end.state, reason: end.reason, reason_code: end.reasonCode, ended_at: endedAt })
    .where('id', '=', runId)
    .where('state', '=', 'queued')
    .where('temporal_run_id', 'is', null)
    .execute();
}

/** Ends a run that has not ended, without another attempt. */
export async function endRun(db: Database, runId: string, end: RunEnd, endedAt: Date): Promise<void> {
  await updateAndCountFailures(
    db,
    endedAt,
    sql`
      UPDATE runs SET state = ${end.state}, reason = ${end.reason}, reason_code = ${end.reasonCode}, ended_at = ${endedAt}
      WHERE id = ${runId} AND ended_at IS NULL`,
  );
}

/**
 * Updates a run, and gives its turn back. If that ended a scheduled run, counts the job's failures in a row, and queues
 * the call of a hook when they are so many as its author said, or when they are over. Pauses the job when its policy
 * says so, or when its target is gone: another generation, with its revision.
 */
async function updateAndCountFailures(
  db: Database,
  at: Date,
  update: RawBuilder<unknown>,
  goneUrl: string | null = null,
): Promise<void> {
  await sql`${PREPARED}
    WITH run AS (${update} RETURNING id, job_id, trigger, state, reason, reason_code, scheduled_at),
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
                               'state', counted.state, 'reason', counted.reason, 'reasonCode', counted.reason_code, 'consecutiveFailures',
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
        -- What was recorded late must not turn back the time of a change: a pause begins after the one before it.
        paused_at    = CASE WHEN judged.pauses THEN greatest(${at}::timestamptz, jobs.updated_at) ELSE jobs.paused_at END,
        updated_at   = CASE WHEN judged.pauses THEN greatest(${at}::timestamptz, jobs.updated_at) ELSE jobs.updated_at END,
        sync_after   = CASE WHEN judged.pauses THEN ${at}::timestamptz ELSE jobs.sync_after END,
        generation   = jobs.generation + judged.pauses::integer,
        schedule_generation = CASE WHEN judged.pauses THEN jobs.generation + 1 ELSE jobs.schedule_generation END,
        schedule_since      = CASE WHEN judged.pauses THEN greatest(${at}::timestamptz, jobs.updated_at) ELSE jobs.schedule_since END
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
