import { sql, type RawBuilder } from 'kysely';
import type { RecordedAttempt } from '../../domain/run/run.ts';
import { reasonFor, type Reason } from '../../domain/run/reasons.ts';
import { workflowIdOfRun } from '../../domain/run/ids.ts';
import type { Database } from '../database.ts';
import { lostCallsAtEnd, RUN_TOKEN } from './attempt-holder.ts';
import { RELEASED } from './permits.ts';
import { PREPARED } from '../prepared-statements.ts';
import { IS_UNSTARTED } from '../rules.ts';

// Attempts and ends of runs. Each is one statement, for a worker does little else.

/** A time of the database in the format of this service's instants, for JSON. */
const instantText = (time: RawBuilder<unknown>) =>
  sql`replace(to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '.000Z', 'Z')`;

/** How a run ends, and why, if there is more to say than its state. */
export type RunEnd = {
  state: 'succeeded' | 'failed' | 'cancelled' | 'timedOut' | 'skipped' | 'missed';
} & (Reason | { reason: null; reasonCode: null });

/** The end of a run whose cancellation was requested. */
export const CANCELLED: RunEnd & Reason = { state: 'cancelled', ...reasonFor('cancelled') };

/**
 * Adds an attempt to a running run, releases its permit, and ends the run if this was its last attempt. Returns
 * whether it did: nothing is recorded twice, nor for any but the holder of the attempt, which has the fencing token
 * `token`; undefined from workers of earlier versions. `goneUrl` is the URL of a target that answered that it
 * is gone for good: the job is paused, unless it has another URL by now.
 */
export async function recordAttempt(
  db: Database,
  runId: string,
  attempt: RecordedAttempt,
  end: RunEnd | undefined,
  {
    token = null,
    goneUrl = null,
  }: { token?: number | null | undefined; goneUrl?: string | null | undefined },
): Promise<boolean> {
  const endedAt = new Date(attempt.endedAt);
  return updateAndCountFailures(
    db,
    { runId, at: endedAt },
    sql`
      UPDATE runs SET
        attempts = attempts || ${JSON.stringify([attempt])}::jsonb,
        state    = ${end?.state ?? 'running'},
        reason   = ${end?.reason ?? null},
        reason_code = ${end?.reasonCode ?? null},
        ended_at = ${end ? endedAt : null}::timestamptz
      WHERE id = ${runId} AND state = 'running' AND jsonb_array_length(attempts) = ${attempt.number - 1}
        -- Nobody else has begun the attempt since.
        AND coalesce(${RUN_TOKEN} = ${token}::bigint, true)`,
    // The run may have been ended meanwhile, or request another permit. The holder releases its own.
    token === null ? HAS_CHANGED : sql`permits.token = ${token}`,
    goneUrl,
  );
}

/** Stores what an open run waits for; null: nothing. */
export async function setReason(db: Database, runId: string, waitsFor: Reason | null): Promise<void> {
  const reason = waitsFor?.reason ?? null;
  await sql`
    UPDATE runs SET reason = ${reason}, reason_code = ${waitsFor?.reasonCode ?? null}
    WHERE id = ${runId} AND ended_at IS NULL AND reason IS DISTINCT FROM ${reason}`.execute(db);
}

/** Ends a run that Temporal has not started, as far as is known. A run that was started meanwhile stays as it is. */
export async function endUnstarted(db: Database, runId: string, end: RunEnd, endedAt: Date): Promise<void> {
  await db
    .updateTable('runs')
    .set({ state: end.state, reason: end.reason, reason_code: end.reasonCode, ended_at: endedAt })
    .where('id', '=', runId)
    .where(IS_UNSTARTED)
    .execute();
}

/** Ends a run that has not ended, without another attempt. A call that is not on record is a lost one from then on. */
export async function endRun(db: Database, runId: string, end: RunEnd, endedAt: Date): Promise<void> {
  await updateAndCountFailures(
    db,
    { runId, at: endedAt },
    sql`
      UPDATE runs SET state = ${end.state}, reason = ${end.reason}, reason_code = ${end.reasonCode}, ended_at = ${endedAt},
                      lost_calls = ${lostCallsAtEnd(endedAt)}
      WHERE id = ${runId} AND ended_at IS NULL`,
    HAS_CHANGED,
  );
}

/** Any permit of a run is released if the run was changed. */
const HAS_CHANGED = sql`EXISTS (SELECT FROM run)`;

/**
 * Updates a run, and releases the permit that is `released`. Returns whether the run was changed. If a scheduled run ended, counts the job's failures in a row, and
 * queues the call of a hook when they reach the hook's threshold, or when a run succeeds again. Pauses the
 * job when its policy says so, or when its target is gone: that is another generation, with its revision.
 */
async function updateAndCountFailures(
  db: Database,
  { runId, at }: { runId: string; at: Date },
  update: RawBuilder<unknown>,
  released: RawBuilder<unknown>,
  goneUrl: string | null = null,
): Promise<boolean> {
  const { rows } = await sql<{ changed: boolean }>`${PREPARED}
    -- The run, if the update changed it.
    WITH run AS (${update} RETURNING id, job_id, trigger, state, reason, reason_code, scheduled_at),
    -- Releases its permit.
    freed AS (
      UPDATE permits SET ${RELEASED} WHERE permits.run_id = ${runId} AND released_at IS NULL AND ${released}
    ),
    -- Whether the run counts for the failures in a row: a scheduled run that has ended.
    counted AS (
      SELECT *,
             trigger = 'schedule' AND state IN ('succeeded', 'failed', 'timedOut') AS counts,
             state <> 'succeeded' AS failed
      FROM run
    ),
    -- The job, locked: its new count of failures, whether a hook is called, and by which rule it is paused.
    failing AS (
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
      -- Waits for a concurrent change of the job, and sees it.
      FOR NO KEY UPDATE OF jobs
    ),
    -- Whether the job is paused, and why.
    ruled AS (
      SELECT *, rule IS NOT NULL AS pauses,
             CASE rule WHEN 'status 410' THEN 'the target answered 410: it is gone for good'
                       ELSE failures || ' scheduled runs failed in a row' END AS pause_reason
      FROM failing
    ),
    -- Updates the job; a pause raises its generation.
    changed AS (
      UPDATE jobs SET
        consecutive_failures = ruled.failures,
        is_alerted   = (jobs.is_alerted OR ruled.alerts) AND NOT ruled.recovers,
        state        = CASE WHEN ruled.pauses THEN 'paused' ELSE jobs.state END,
        pause_reason = CASE WHEN ruled.pauses THEN ruled.pause_reason ELSE jobs.pause_reason END,
        paused_by    = CASE WHEN ruled.pauses THEN ruled.rule ELSE jobs.paused_by END,
        -- A late record does not date a change before the last one: a pause begins after the pause before it.
        paused_at    = CASE WHEN ruled.pauses THEN greatest(${at}::timestamptz, jobs.updated_at) ELSE jobs.paused_at END,
        updated_at   = CASE WHEN ruled.pauses THEN greatest(${at}::timestamptz, jobs.updated_at) ELSE jobs.updated_at END,
        sync_after   = CASE WHEN ruled.pauses THEN ${at}::timestamptz ELSE jobs.sync_after END,
        generation   = jobs.generation + ruled.pauses::integer,
        schedule_generation = CASE WHEN ruled.pauses THEN jobs.generation + 1 ELSE jobs.schedule_generation END,
        schedule_since      = CASE WHEN ruled.pauses THEN greatest(${at}::timestamptz, jobs.updated_at) ELSE jobs.schedule_since END
      FROM ruled WHERE jobs.id = ruled.id
      RETURNING jobs.id, jobs.namespace, jobs.generation, jobs.pause_reason, jobs.paused_by, ruled.pauses, ruled.cause,
                CASE WHEN jobs.deleted_at IS NOT NULL THEN NULL
                     WHEN ruled.alerts AND jobs.on_failure IS NOT NULL THEN 'onFailure'
                     WHEN ruled.recovers AND jobs.on_recovery IS NOT NULL THEN 'onRecovery' END AS hook
    ),
    -- Queues the call of the hook.
    hook AS (
      INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, state, workflow_id, cause, check_at)
      SELECT run_id, id, namespace, generation, hook, ${at}, 'queued', ${workflowIdOfRun('')}::text || run_id, cause, ${at}
      FROM (SELECT *, gen_random_uuid() AS run_id FROM changed WHERE hook IS NOT NULL) AS called
    ),
    -- Stores the revision of the pause.
    revised AS (
      INSERT INTO job_revisions (job_id, generation, at, by, action, changes)
      SELECT id, generation, ${at}, paused_by, 'paused',
             json_build_object('state', json_build_object('before', 'active', 'after', 'paused'),
                               'pause.reason', json_build_object('before', NULL, 'after', pause_reason))
      FROM changed WHERE pauses
    )
    SELECT EXISTS (SELECT FROM run) AS changed`.execute(db);
  return rows[0]?.changed ?? false;
}
