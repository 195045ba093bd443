import { sql } from 'kysely';
import type { Database } from '../database.ts';
import type { JobRow } from '../schema.ts';

/** The jobs whose occurrences are to be accounted for, the longest due first. */
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

/** Up to where a job, as of a generation, has been accounted for, and when it is to be next. */
export interface LogAdvance {
  id: string;
  generation: number;
  materializedTo: Date;
  materializeAt: Date | null;
}

/** Notes what has been accounted for, of those jobs that did not change meanwhile. */
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

/** What the scheduled runs of a job come to so far, for its `maxRuns`. */
export interface RunsSoFar {
  /** Those that count, removed ones among them, and also those that may yet be skipped or missed. */
  counted: number;
  /** Of these, those that nobody has started. */
  unstarted: number;
  /** The one with the latest nominal time that has been started; times in milliseconds since the epoch. */
  latest: { scheduledAt: number; endedAt: number | null } | undefined;
}

/** Nobody has started it, nor is about to. */
const UNSTARTED = sql<boolean>`state = 'queued' AND temporal_run_id IS NULL AND NOT made_up`;

/** Counts the scheduled runs of a job, but for the one that `except` names. */
export async function countRunsSoFar(db: Database, jobId: string, except?: string): Promise<RunsSoFar> {
  const { rows } = await sql<{
    counted: string;
    unstarted: string;
    scheduledAt: Date | null;
    endedAt: Date | null;
  }>`
    WITH counting AS (
      SELECT * FROM runs
      WHERE job_id = ${jobId} AND trigger = 'schedule' AND state NOT IN ('skipped', 'missed')
        AND id IS DISTINCT FROM ${except ?? null}::uuid
    ), latest AS (
      SELECT scheduled_at, ended_at FROM counting WHERE NOT (${UNSTARTED}) ORDER BY scheduled_at DESC LIMIT 1
    )
    SELECT (SELECT runs_removed FROM jobs WHERE id = ${jobId}) + (SELECT count(*) FROM counting) AS counted,
           (SELECT count(*) FROM counting WHERE ${UNSTARTED}) AS unstarted,
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

/** Has a job accounted for in the next pass that can, if it has occurrences left. */
export async function materializeSoon(db: Database, jobId: string, now: Date): Promise<void> {
  await sql`UPDATE jobs SET account_at = ${now} WHERE id = ${jobId} AND account_at > ${now}`.execute(db);
}
