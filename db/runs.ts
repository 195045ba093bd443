import { sql } from 'kysely';
import type { Attempt, Trigger } from '../domain/run.ts';
import type { Database } from './database.ts';
import type { JobRow, NewRun, RunRow } from './schema.ts';

/** Stores a run that somebody asked for, before it starts. */
export function insertRun(db: Database, run: NewRun): Promise<RunRow> {
  return db.insertInto('runs').values(run).returningAll().executeTakeFirstOrThrow();
}

/** Takes back a run that could not be started. */
export async function deleteQueuedRun(db: Database, id: string): Promise<void> {
  await db.deleteFrom('runs').where('id', '=', id).where('state', '=', 'queued').execute();
}

export function findRun(db: Database, namespace: string, id: string): Promise<RunRow | undefined> {
  return db
    .selectFrom('runs')
    .selectAll()
    .where('id', '=', id)
    .where('namespace', '=', namespace)
    .executeTakeFirst();
}

/** One page of a job's runs, the latest nominal time first, beginning after the given place. */
export function listRuns(
  db: Database,
  filter: { jobId: string; after?: { scheduledAt: Date; id: string } | undefined; limit: number },
): Promise<RunRow[]> {
  const { after } = filter;
  return db
    .selectFrom('runs')
    .selectAll()
    .where('job_id', '=', filter.jobId)
    .$if(after !== undefined, (query) =>
      query.where((eb) =>
        eb(eb.refTuple('scheduled_at', 'id'), '<', eb.tuple(after?.scheduledAt as Date, after?.id as string)),
      ),
    )
    .orderBy('scheduled_at', 'desc')
    .orderBy('id', 'desc')
    .limit(filter.limit)
    .execute();
}

/** What a list of jobs shows of each job's latest run. */
export type LastRun = Pick<RunRow, 'id' | 'job_id' | 'scheduled_at' | 'state'>;

/** The run with the latest nominal time of each job that has one. */
export async function listLastRuns(db: Database, jobIds: string[]): Promise<Map<string, LastRun>> {
  if (jobIds.length === 0) return new Map();
  // One index look-up a job: a DISTINCT ON over all of their runs would read every one of them.
  const { rows } = await sql<LastRun>`
    SELECT run.id, run.job_id, run.scheduled_at, run.state
    FROM unnest(${jobIds}::uuid[]) AS wanted (job_id)
    CROSS JOIN LATERAL (
      SELECT id, job_id, scheduled_at, state FROM runs
      WHERE runs.job_id = wanted.job_id
      ORDER BY scheduled_at DESC, id DESC LIMIT 1
    ) AS run`.execute(db);
  return new Map(rows.map((run) => [run.job_id, run]));
}

/** What the worker learns when it begins a run: how the run stands, and what its job wants. */
export type BegunRun = Pick<RunRow, 'id' | 'state' | 'reason' | 'attempts'> &
  Pick<JobRow, 'target' | 'retry'>;

/**
 * Begins a run, or finds it as it stands if it has begun before. Reads the job and writes the run in one statement.
 * A run of a deleted job, and an occurrence of a paused one, is recorded as skipped. Undefined if the job is unknown.
 */
export async function beginRun(
  db: Database,
  run: {
    id: string;
    jobId: string;
    trigger: Trigger;
    scheduledAt: Date;
    startedAt: Date;
    workflowId: string;
    temporalRunId: string;
  },
): Promise<BegunRun | undefined> {
  const { rows } = await sql<BegunRun>`
    WITH job AS (
      SELECT *, CASE
        WHEN deleted_at IS NOT NULL THEN 'the job was deleted'
        WHEN state = 'paused' AND ${run.trigger} = 'schedule' THEN 'the job is paused'
      END AS skip_reason
      FROM jobs WHERE id = ${run.jobId}
    ), run AS (
      INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, started_at, ended_at, state, reason,
                        workflow_id, temporal_run_id)
      SELECT ${run.id}, id, namespace, generation, ${run.trigger}, ${run.scheduledAt}, ${run.startedAt},
             CASE WHEN skip_reason IS NOT NULL THEN ${run.startedAt}::timestamptz END,
             CASE WHEN skip_reason IS NULL THEN 'running' ELSE 'skipped' END, skip_reason,
             ${run.workflowId}, ${run.temporalRunId}
      FROM job
      ON CONFLICT (id) DO UPDATE SET
        job_generation  = CASE WHEN runs.state = 'queued' THEN excluded.job_generation ELSE runs.job_generation END,
        started_at      = coalesce(runs.started_at, excluded.started_at),
        ended_at        = CASE WHEN runs.state = 'queued' THEN excluded.ended_at ELSE runs.ended_at END,
        reason          = CASE WHEN runs.state = 'queued' THEN excluded.reason ELSE runs.reason END,
        state           = CASE WHEN runs.state = 'queued' THEN excluded.state ELSE runs.state END,
        temporal_run_id = excluded.temporal_run_id
      RETURNING id, job_id, state, reason, attempts
    )
    SELECT run.id, run.state, run.reason, run.attempts, job.target, job.retry
    FROM run JOIN job ON job.id = run.job_id`.execute(db);
  return rows[0];
}

/** How a run ends with its last attempt. */
export interface RunEnd {
  state: 'succeeded' | 'failed' | 'cancelled';
  reason: string | null;
}

/**
 * Adds an attempt to a running run, and ends the run if this was its last one. Doing it again changes nothing. The end
 * of a scheduled run counts the job's failures in a row, and pauses the job when its policy says so.
 */
export async function recordAttempt(
  db: Database,
  runId: string,
  attempt: Attempt,
  end: RunEnd | undefined,
): Promise<void> {
  const endedAt = new Date(attempt.endedAt);
  await sql`
    WITH run AS (
      UPDATE runs SET
        attempts = attempts || ${JSON.stringify([attempt])}::jsonb,
        state    = ${end?.state ?? 'running'},
        reason   = ${end?.reason ?? null},
        ended_at = ${end ? endedAt : null}::timestamptz
      WHERE id = ${runId} AND state = 'running' AND jsonb_array_length(attempts) = ${attempt.number - 1}
      RETURNING job_id, trigger, state
    ), counted AS (
      SELECT job_id, state = 'failed' AS failed FROM run WHERE trigger = 'schedule' AND state IN ('succeeded', 'failed')
    ), judged AS (
      SELECT jobs.id, counted.failed, CASE WHEN counted.failed THEN jobs.consecutive_failures + 1 ELSE 0 END AS failures,
             counted.failed AND jobs.state = 'active' AND jobs.deleted_at IS NULL
               AND jobs.consecutive_failures + 1 >= (jobs.policy->>'pauseAfterFailures')::integer IS TRUE AS pauses
      FROM jobs JOIN counted ON counted.job_id = jobs.id
      WHERE counted.failed OR jobs.consecutive_failures > 0
    )
    UPDATE jobs SET
      consecutive_failures = judged.failures,
      state        = CASE WHEN judged.pauses THEN 'paused' ELSE jobs.state END,
      pause_reason = CASE WHEN judged.pauses THEN judged.failures || ' scheduled runs failed in a row' ELSE jobs.pause_reason END,
      paused_by    = CASE WHEN judged.pauses THEN 'policy.pauseAfterFailures' ELSE jobs.paused_by END,
      paused_at    = CASE WHEN judged.pauses THEN ${endedAt}::timestamptz ELSE jobs.paused_at END,
      updated_at   = CASE WHEN judged.pauses THEN ${endedAt}::timestamptz ELSE jobs.updated_at END,
      generation   = jobs.generation + judged.pauses::integer
    FROM judged WHERE jobs.id = judged.id`.execute(db);
}

/** How many occurrences of each job have had a run; a job without any is missing. */
export async function countScheduledRuns(db: Database, jobIds: string[]): Promise<Map<string, number>> {
  if (jobIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('runs')
    .select((eb) => ['job_id', eb.fn.countAll<string>().as('count')])
    .where('job_id', 'in', jobIds)
    .where('trigger', '=', 'schedule')
    .where('state', '<>', 'skipped')
    .groupBy('job_id')
    .execute();
  return new Map(rows.map((row) => [row.job_id, Number(row.count)]));
}

/** Stores occurrences that did not become a run, unless they have a run already. */
export async function insertSkipped(db: Database, runs: NewRun[]): Promise<number> {
  if (runs.length === 0) return 0;
  const inserted = await db
    .insertInto('runs')
    .values(runs)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return Number(inserted.numInsertedOrUpdatedRows ?? 0);
}
