import { sql } from 'kysely';
import { HOOKS } from '../../domain/run/hook-trigger.ts';
import type { Database } from '../database.ts';
import { SCHEDULED_RUNS } from '../rules.ts';
import type { NewRun, RunRow } from '../schema.ts';

/** Stores a requested run before it starts. */
export function insertRun(db: Database, run: NewRun): Promise<RunRow> {
  return db.insertInto('runs').values(run).returningAll().executeTakeFirstOrThrow();
}

/** A run of a namespace. */
export function findRun(db: Database, namespace: string, id: string): Promise<RunRow | undefined> {
  return db
    .selectFrom('runs')
    .selectAll()
    .where('id', '=', id)
    .where('namespace', '=', namespace)
    .executeTakeFirst();
}

/** The latest run of a job, as a list of jobs shows it. */
export type LastRun = Pick<RunRow, 'id' | 'job_id' | 'scheduled_at' | 'state'>;

/** The run with the latest nominal time of each job that has one. Calls of hooks do not count. */
export async function listLastRuns(db: Database, jobIds: string[]): Promise<Map<string, LastRun>> {
  if (jobIds.length === 0) return new Map();
  // One index look-up a job. A DISTINCT ON over all of their runs would read each of these.
  const { rows } = await sql<LastRun>`
    SELECT run.id, run.job_id, run.scheduled_at, run.state
    FROM unnest(${jobIds}::uuid[]) AS wanted (job_id)
    CROSS JOIN LATERAL (
      SELECT id, job_id, scheduled_at, state FROM runs
      WHERE runs.job_id = wanted.job_id AND trigger <> ALL (${[...HOOKS]}::text[])
      ORDER BY scheduled_at DESC, created_at DESC, id DESC LIMIT 1
    ) AS run`.execute(db);
  return new Map(rows.map((run) => [run.job_id, run]));
}

/** How many runs of each job count for its `maxRuns`, including those that retention has removed. */
export async function countScheduledRuns(db: Database, jobIds: string[]): Promise<Map<string, number>> {
  if (jobIds.length === 0) return new Map();
  const { rows } = await sql<{ id: string; count: string }>`
    SELECT id, ${SCHEDULED_RUNS} AS count FROM jobs WHERE id = ANY(${jobIds}::uuid[])`.execute(db);
  return new Map(rows.map((row) => [row.id, Number(row.count)]));
}

/** Which of these ids belong to a stored run. */
export async function listKnownRuns(db: Database, ids: string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await db.selectFrom('runs').select('id').where('id', 'in', ids).execute();
  return new Set(rows.map(({ id }) => id));
}

/** Rows in one statement, in which PostgreSQL allows 65,535 parameters. */
const ROWS_AT_ONCE = 1_000;

/** Stores the runs that are not stored yet. Returns how many it stored. */
export async function insertAbsentRuns(db: Database, runs: NewRun[]): Promise<number> {
  let count = 0;
  for (let start = 0; start < runs.length; start += ROWS_AT_ONCE) {
    const inserted = await db
      .insertInto('runs')
      .values(runs.slice(start, start + ROWS_AT_ONCE))
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    count += Number(inserted.numInsertedOrUpdatedRows ?? 0);
  }
  return count;
}

/** Stores the dates from which business days have moved the occurrence of a run. */
export async function noteMovedFrom(db: Database, runId: string, dates: string[]): Promise<void> {
  await db.updateTable('runs').set({ moved_from: dates }).where('id', '=', runId).execute();
}
