import { sql, type RawBuilder } from 'kysely';
import { HOOKS, type LATE_HOOKS, type Lateness } from '../../domain/run/hook-trigger.ts';
import type { Database } from '../database.ts';
import { HAS_CALL_WITHOUT_WORKFLOW } from '../rules.ts';
import type { JobRow, NewRun, RunRow } from '../schema.ts';
import { failuresIn, notDeferred } from './job-upkeep.ts';

// Queries of the judge of lateness (scheduling/reconciler/judge-lateness.ts).

/** Jobs that are to be judged, some of them. */
export async function listJobsToJudge(db: Database, now: Date, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('jobs')
    .select('id')
    .where('late_check_at', '<=', now)
    .where(notDeferred('late', now))
    .orderBy(failuresIn('late'))
    .orderBy('late_check_at')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** What the judge reads of an occurrence. */
export type OccurrenceToJudge = Pick<
  RunRow,
  'id' | 'scheduled_at' | 'started_at' | 'ended_at' | 'state' | 'reason_code'
>;

/** Occurrences whose time ran out between two judgments, in one statement. */
const TIMED_OUT_AT_ONCE = 1_000;

/** The newest occurrences of a job, and all in some ranges of nominal time, after `since`. */
export async function listOccurrencesToJudge(
  db: Database,
  jobId: string,
  { since, newest, ranges }: { since: Date; newest: number; ranges: { after: Date; to: Date }[] },
): Promise<OccurrenceToJudge[]> {
  const occurrences = (where: RawBuilder<unknown>, limit: number) => sql`
    (SELECT id, scheduled_at, started_at, ended_at, state, reason_code FROM runs
     WHERE job_id = ${jobId} AND trigger = 'schedule' AND scheduled_at > ${since} ${where}
     ORDER BY scheduled_at DESC LIMIT ${sql.lit(limit)})`;
  const parts = [
    occurrences(sql``, newest),
    ...ranges.map(({ after, to }) =>
      occurrences(sql`AND scheduled_at > ${after} AND scheduled_at <= ${to}`, TIMED_OUT_AT_ONCE),
    ),
  ];
  const { rows } = await sql<OccurrenceToJudge>`${sql.join(parts, sql` UNION `)}`.execute(db);
  return rows;
}

/** When a run of a job last succeeded, whoever asked for it; calls of hooks do not count. */
export async function findLastSuccess(db: Database, jobId: string): Promise<Date | null> {
  const { rows } = await sql<{ at: Date | null }>`
    SELECT max(ended_at) AS at FROM (
      SELECT ended_at FROM runs
      WHERE job_id = ${jobId} AND state = 'succeeded' AND trigger <> ALL (${[...HOOKS]}::text[])
      ORDER BY scheduled_at DESC LIMIT 10) AS latest`.execute(db);
  return rows[0]?.at ?? null;
}

/** Stores how a job was judged, and the call of a hook, if there is one, in the caller's transaction. */
export async function storeJudgment(
  transaction: Database,
  jobId: string,
  judgment: { late: Lateness | null; judgedTo: Date; checkAt: Date | null },
  call: NewRun | undefined,
): Promise<void> {
  const { late, judgedTo, checkAt } = judgment;
  await transaction
    .updateTable('jobs')
    .set({ late: late && JSON.stringify(late), late_judged_to: judgedTo, late_check_at: checkAt })
    .where('id', '=', jobId)
    .execute();
  if (!call) return;
  await transaction
    .insertInto('runs')
    .values(call)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Ends the watch over a job that was deleted. */
export async function stopJudging(db: Database, jobId: string): Promise<void> {
  await db
    .updateTable('jobs')
    .set({ late: null, late_check_at: null })
    .where('id', '=', jobId)
    .where('deleted_at', 'is not', null)
    .execute();
}

/** A call of `onLate` or `onTime` that no workflow has made in time. */
export type UnmadeCall = Pick<RunRow, 'id' | 'workflow_id' | 'scheduled_at' | 'attempts'> & {
  trigger: (typeof LATE_HOOKS)[number];
  job_id: JobRow['id'];
  generation: number;
};

/** A workflow has this long to begin the call of a hook. */
const TO_BEGIN = sql`interval '15 s'`;
/** The same if Temporal is known to have started it: then only a worker is missing. */
const TO_BEGIN_STARTED = sql`interval '45 s'`;

/**
 * Calls of `onLate` and `onTime` that nobody has begun in time, or whose next attempt is due after one that no workflow
 * stood behind.
 */
export async function listUnmadeCalls(db: Database, now: Date, limit: number): Promise<UnmadeCall[]> {
  const { rows } = await sql<UnmadeCall>`
    SELECT runs.id, runs.workflow_id, runs.scheduled_at, runs.attempts, runs.trigger, runs.job_id,
           jobs.schedule_generation AS generation
    FROM runs JOIN jobs ON jobs.id = runs.job_id
    WHERE runs.ended_at IS NULL AND runs.trigger IN ('onLate', 'onTime') AND runs.cancel_requested_at IS NULL
      AND CASE runs.state
        WHEN 'queued' THEN greatest(runs.scheduled_at, runs.created_at)
                           + CASE WHEN runs.temporal_run_id IS NULL THEN ${TO_BEGIN} ELSE ${TO_BEGIN_STARTED} END < ${now}
        ELSE runs.holder->>'temporalRunId' IS NULL AND runs.holder IS NOT NULL AND NOT ${HAS_CALL_WITHOUT_WORKFLOW}
             AND coalesce((runs.attempts->-1->>'retryAt')::timestamptz, '-infinity') < ${now} END
    ORDER BY runs.scheduled_at LIMIT ${limit}`.execute(db);
  return rows;
}
