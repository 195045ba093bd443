import { sql } from 'kysely';
import type { Database } from '../database.ts';
import { COUNTS_FOR_MAX_RUNS, IS_UNSTARTED } from '../rules.ts';
import type { JobRow } from '../schema.ts';

// The occurrence log of each job: `accounted_to` and `account_at` of `jobs`, and the rows of occurrences in `runs`.

/** Jobs whose occurrences are to be materialized, the longest overdue first. */
export function listJobsToMaterialize(db: Database, now: Date, limit: number): Promise<JobRow[]> {
  return db
    .selectFrom('jobs')
    .selectAll()
    .where('account_at', '<=', now)
    .where('deleted_at', 'is', null)
    .orderBy('account_at')
    .limit(limit)
    .execute();
}

/** How far the occurrences of a job, as of a generation, are materialized, and when to continue. */
export interface LogAdvance {
  id: string;
  generation: number;
  materializedTo: Date;
  /** Null: the job has no more occurrences. */
  materializeAt: Date | null;
}

/** Stores how far occurrences are materialized. A job that has changed meanwhile stays as it is. */
export async function advanceOccurrenceLogs(db: Database, advances: LogAdvance[]): Promise<void> {
  if (advances.length === 0) return;
  const column = <Value>(select: (advance: LogAdvance) => Value) => advances.map(select);
  await sql`
    UPDATE jobs SET accounted_to = advance.accounted_to, account_at = advance.account_at
    FROM unnest(${column(({ id }) => id)}::uuid[], ${column(({ generation }) => generation)}::integer[],
                ${column(({ materializedTo }) => materializedTo)}::timestamptz[],
                ${column(({ materializeAt }) => materializeAt)}::timestamptz[])
      AS advance (id, generation, accounted_to, account_at)
    WHERE jobs.id = advance.id AND jobs.generation = advance.generation`.execute(db);
}

/** The scheduled runs of a job so far, as its `maxRuns` counts them. */
export interface RunsSoFar {
  /** All that count: removed ones too, and open ones, which may yet be skipped or missed. */
  counted: number;
  /** Of these, the ones that neither Temporal nor the reconciler has started. */
  unstarted: number;
  /** The started one with the latest nominal time; times in milliseconds since the epoch. */
  latest: { scheduledAt: number; endedAt: number | null } | undefined;
}

/** Neither Temporal nor the reconciler has started it. */
const IS_UNSTARTED_BY_ANYBODY = sql<boolean>`(${IS_UNSTARTED} AND NOT made_up)`;

/** Counts the scheduled runs of a job. The run `except`, if given, is left out. */
export async function countRunsSoFar(db: Database, jobId: string, except?: string): Promise<RunsSoFar> {
  const { rows } = await sql<{
    counted: string;
    unstarted: string;
    scheduledAt: Date | null;
    endedAt: Date | null;
  }>`
    WITH counting AS (
      SELECT * FROM runs
      WHERE job_id = ${jobId} AND ${COUNTS_FOR_MAX_RUNS} AND id IS DISTINCT FROM ${except ?? null}::uuid
    ), latest AS (
      SELECT scheduled_at, ended_at FROM counting WHERE NOT ${IS_UNSTARTED_BY_ANYBODY}
      ORDER BY scheduled_at DESC LIMIT 1
    )
    SELECT (SELECT runs_removed FROM jobs WHERE id = ${jobId}) + (SELECT count(*) FROM counting) AS counted,
           (SELECT count(*) FROM counting WHERE ${IS_UNSTARTED_BY_ANYBODY}) AS unstarted,
           (SELECT scheduled_at FROM latest) AS "scheduledAt", (SELECT ended_at FROM latest) AS "endedAt"`.execute(
    db,
  );
  const [row] = rows;
  const scheduledAt = row?.scheduledAt;
  return {
    counted: Number(row?.counted ?? 0),
    unstarted: Number(row?.unstarted ?? 0),
    latest: scheduledAt
      ? { scheduledAt: scheduledAt.getTime(), endedAt: row.endedAt?.getTime() ?? null }
      : undefined,
  };
}

/** Has the next pass of the reconciler materialize a job's occurrences, if it has any left. */
export async function materializeSoon(db: Database, jobId: string, now: Date): Promise<void> {
  await sql`UPDATE jobs SET account_at = ${now} WHERE id = ${jobId} AND account_at > ${now}`.execute(db);
}
