import { sql } from 'kysely';
import type { Database } from './database.ts';
import { insertRevision } from './revisions.ts';
import type { JobRow } from './schema.ts';

// What sync and the reconciler ask and note of jobs; what callers do to them is in jobs.ts.

/** What sync knows of a schedule that it has seen in Temporal; null if there is to be none. */
export interface Observation {
  specVersion: string;
  specHash: string | null;
  putAt: Date | null;
  /** When to account for the job's occurrences, if that is not to stay as it is. */
  accountAt?: Date;
}

/** Notes that Temporal matches this generation of a job; never goes back to an older one. */
export async function setObserved(
  db: Database,
  job: Pick<JobRow, 'id' | 'generation'>,
  { specVersion, specHash, putAt, accountAt }: Observation,
): Promise<void> {
  await db
    .updateTable('jobs')
    .set({
      observed_generation: job.generation,
      sync_error: null,
      sync_attempts: 0,
      spec_version: specVersion,
      spec_hash: specHash,
      schedule_put_at: putAt,
      ...(accountAt === undefined ? {} : { account_at: accountAt }),
    })
    .where('id', '=', job.id)
    .where('generation', '>=', job.generation)
    .where('observed_generation', '<=', job.generation)
    .execute();
}

/** Notes why Temporal could not be made to match this generation, and when to try again. */
export async function setSyncError(
  db: Database,
  job: Pick<JobRow, 'id' | 'generation'>,
  message: string,
  syncAfter: Date,
): Promise<void> {
  await db
    .updateTable('jobs')
    .set((eb) => ({
      sync_error: message,
      sync_after: syncAfter,
      sync_attempts: eb('sync_attempts', '+', 1),
    }))
    .where('id', '=', job.id)
    .where('generation', '=', job.generation)
    .execute();
}

/**
 * Forgets that Temporal matches a job, so that the reconciler compares them again. With `rewrite`, the schedule is
 * written even if it seems to be what it should be; with `isGone`, it is known not to exist.
 */
export async function forgetObserved(
  db: Database,
  jobId: string,
  now: Date,
  { rewrite, isGone }: { rewrite?: true; isGone?: true } = {},
): Promise<void> {
  await db
    .updateTable('jobs')
    .set({
      observed_generation: 0,
      sync_after: now,
      ...(rewrite ? { spec_hash: null } : {}),
      ...(isGone ? { schedule_put_at: null } : {}),
    })
    .where('id', '=', jobId)
    .execute();
}

/** What a sweep has to know of a job. */
export type SweptJob = Pick<JobRow, 'id' | 'state' | 'schedule_generation' | 'deleted_at'>;

/** Jobs, tombstones among them, of these ids. */
export async function listSwept(db: Database, ids: string[]): Promise<Map<string, SweptJob>> {
  const rows = await db
    .selectFrom('jobs')
    .select(['id', 'state', 'schedule_generation', 'deleted_at'])
    .where('id', 'in', ids)
    .execute();
  return new Map(rows.map((row) => [row.id, row]));
}

/** Jobs that have a schedule in Temporal, as far as we know, and did not change after `before`; by id, after `afterId`. */
export async function listScheduled(
  db: Database,
  before: Date,
  afterId: string | undefined,
  limit: number,
): Promise<string[]> {
  const rows = await db
    .selectFrom('jobs')
    .select('id')
    .where('deleted_at', 'is', null)
    .where('state', '<>', 'completed')
    .whereRef('observed_generation', '=', 'generation')
    .where('schedule_put_at', '<', before)
    .$if(afterId !== undefined, (query) => query.where('id', '>', afterId as string))
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** Raises the generation of a job that did not change meanwhile, as a revision of its own. */
export async function raiseGeneration(
  db: Database,
  job: JobRow,
  generation: number,
  now: Date,
): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    const raised = await transaction
      .updateTable('jobs')
      .set({ generation, schedule_generation: generation, updated_at: now })
      .where('id', '=', job.id)
      .where('generation', '=', job.generation)
      .executeTakeFirst();
    if (raised.numUpdatedRows === 0n) return;
    await insertRevision(transaction, {
      jobId: job.id,
      generation,
      at: now,
      by: 'reconciler',
      action: 'restored',
      changes: {},
    });
  });
}

/**
 * Takes on jobs and tombstones that Temporal does not match yet, the longest due first: nobody else takes them on
 * before `until`.
 */
export async function claimUnsynced(
  db: Database,
  now: Date,
  until: Date,
  limit: number,
): Promise<{ id: string }[]> {
  return db
    .updateTable('jobs')
    .set({ sync_after: until })
    .where('id', 'in', (query) =>
      query
        .selectFrom('jobs')
        .select('id')
        .whereRef('observed_generation', '<>', 'generation')
        .where('sync_after', '<=', now)
        .orderBy('sync_after')
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .returning('id')
    .execute();
}

/** Gives back jobs that were taken on in vain. */
export async function releaseUnsynced(db: Database, ids: string[], now: Date): Promise<void> {
  if (ids.length === 0) return;
  await db
    .updateTable('jobs')
    .set({ sync_after: now })
    .where('id', 'in', ids)
    .whereRef('observed_generation', '<>', 'generation')
    .execute();
}

/** Jobs whose schedules were made by an older version of specs. */
export function listOutdatedSpecs(
  db: Database,
  specVersion: string,
  limit: number,
): Promise<{ id: string }[]> {
  return db
    .selectFrom('jobs')
    .select('id')
    .where('state', '=', 'active')
    .where('deleted_at', 'is', null)
    .whereRef('observed_generation', '=', 'generation')
    .where(sql<string>`spec_version COLLATE "C"`, '<', specVersion)
    .limit(limit)
    .execute();
}

/** Paused jobs whose pause is over. */
export function listPausesOver(db: Database, now: Date, limit: number): Promise<{ id: string }[]> {
  return db
    .selectFrom('jobs')
    .select('id')
    .where('state', '=', 'paused')
    .where('deleted_at', 'is', null)
    .where('paused_until', '<=', now)
    .limit(limit)
    .execute();
}

/**
 * Active jobs that have had their last occurrence: all are accounted for, or `maxRuns` is reached, and no run is open.
 */
export async function listFinished(
  db: Database,
  now: Date,
  limit: number,
): Promise<Pick<JobRow, 'id' | 'policy'>[]> {
  // Two parts, for each has an index of its own.
  const { rows } = await sql<Pick<JobRow, 'id' | 'policy'>>`
    WITH finished AS (
      SELECT id FROM jobs
      WHERE state = 'active' AND deleted_at IS NULL AND finishes_at <= ${now} AND accounted_to >= finishes_at
      UNION
      SELECT id FROM jobs
      WHERE state = 'active' AND deleted_at IS NULL AND schedule->>'maxRuns' IS NOT NULL
        AND (schedule->>'maxRuns')::bigint <= runs_removed + (
          SELECT count(*) FROM runs
          WHERE job_id = jobs.id AND trigger = 'schedule' AND state NOT IN ('skipped', 'missed'))
    )
    SELECT id, policy FROM jobs
    WHERE id IN (SELECT id FROM finished)
      AND NOT EXISTS (SELECT FROM runs WHERE job_id = jobs.id AND ended_at IS NULL)
    LIMIT ${limit}`.execute(db);
  return rows;
}

/** The time zones that jobs use, but for UTC. */
export async function listTimeZones(db: Database): Promise<string[]> {
  // A loose index scan: one look-up a zone, however many jobs there are.
  const { rows } = await sql<{ zone: string }>`
    WITH RECURSIVE zones AS (
      (SELECT schedule->>'timeZone' AS zone FROM jobs
       WHERE state = 'active' AND deleted_at IS NULL AND schedule->>'timeZone' <> 'UTC' ORDER BY 1 LIMIT 1)
      UNION ALL
      SELECT (SELECT schedule->>'timeZone' FROM jobs
              WHERE state = 'active' AND deleted_at IS NULL AND schedule->>'timeZone' <> 'UTC'
                AND schedule->>'timeZone' > zones.zone ORDER BY 1 LIMIT 1)
      FROM zones WHERE zones.zone IS NOT NULL
    ) SELECT zone FROM zones WHERE zone IS NOT NULL`.execute(db);
  return rows.map(({ zone }) => zone);
}

/** Active jobs in a time zone, in the order of their ids, beginning after `afterId`. */
export function listActiveInZone(
  db: Database,
  timeZone: string,
  afterId: string | undefined,
  limit: number,
): Promise<JobRow[]> {
  return db
    .selectFrom('jobs')
    .selectAll()
    .where('state', '=', 'active')
    .where('deleted_at', 'is', null)
    .where(sql<string>`schedule->>'timeZone'`, '=', timeZone)
    .$if(afterId !== undefined, (query) => query.where('id', '>', afterId as string))
    .orderBy('id')
    .limit(limit)
    .execute();
}
