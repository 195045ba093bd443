import { sql } from 'kysely';
import type { Database } from '../database.ts';
import type { NewRun, RunRow } from '../schema.ts';

// The runs that stand for all occurrences of a job that fell into one pause.

/** A run that stands for the occurrences of a pause up to `last_scheduled_at`. */
export type PauseRun = Pick<RunRow, 'id'> & { last_scheduled_at: Date };

/** The run for the pause of a job that began at `pausedAt`; undefined if none of its occurrences is recorded. */
export async function findPauseRun(
  db: Database,
  jobId: string,
  pausedAt: Date,
): Promise<PauseRun | undefined> {
  const run = await db
    .selectFrom('runs')
    .select(['id', 'last_scheduled_at'])
    .where('job_id', '=', jobId)
    .where('last_scheduled_at', '>', pausedAt)
    .where('scheduled_at', '>', pausedAt)
    .orderBy('last_scheduled_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return run?.last_scheduled_at ? { id: run.id, last_scheduled_at: run.last_scheduled_at } : undefined;
}

/** Stores the run of a pause. Returns whether it did: another process may have stored it first. */
export async function insertPauseRun(db: Database, run: NewRun): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('runs')
    .values(run)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

/** Adds occurrences to the run of a pause. Returns whether it did: another process may have added some first. */
export async function extendPauseRun(
  db: Database,
  { id, last_scheduled_at }: PauseRun,
  { count, last }: { count: number; last: Date },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('runs')
    .set({ occurrences: sql`occurrences + ${count}`, last_scheduled_at: last, ended_at: last })
    .where('id', '=', id)
    .where('last_scheduled_at', '=', last_scheduled_at)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** The nominal times in (after, until] for which a job has a row, in milliseconds since the epoch. */
export async function listOccurrencesWithRow(
  db: Database,
  jobId: string,
  after: Date,
  until: Date,
): Promise<number[]> {
  const rows = await db
    .selectFrom('runs')
    .select('scheduled_at')
    .where('job_id', '=', jobId)
    .where('trigger', '=', 'schedule')
    .where('scheduled_at', '>', after)
    .where('scheduled_at', '<=', until)
    .execute();
  return rows.map(({ scheduled_at }) => scheduled_at.getTime());
}

/** Has paused jobs materialized that an older version did not. Jobs without further occurrences stay as they are. */
export async function materializePaused(db: Database, now: Date): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable('jobs')
    .set({ account_at: now })
    .where('state', '=', 'paused')
    .where('deleted_at', 'is', null)
    .where('account_at', 'is', null)
    .where((eb) => eb.or([eb('finishes_at', 'is', null), eb('accounted_to', '<', eb.ref('finishes_at'))]))
    .executeTakeFirstOrThrow();
  return Number(numUpdatedRows);
}
