import { sql } from 'kysely';
import type { Database } from '../database.ts';
import { PREPARED } from '../prepared-statements.ts';
import { insertRevision } from './revisions.ts';
import type { JobRow } from '../schema.ts';

// How far Temporal matches each job: the results of syncs, and the jobs to sync.

/** A schedule as sync has seen it in Temporal. Hashes and time are null if the job has no schedule. */
export interface Observation {
  specVersion: string;
  specHash: string | null;
  /** Of everything that Temporal holds of it, and of what Temporal's list shows of it (scheduling/schedules/held-schedule.ts). */
  scheduleHash: string | null;
  listedHash: string | null;
  putAt: Date | null;
  /** When to materialize the job's occurrences; left out, that stays as it is. */
  materializeAt?: Date;
}

/**
 * Stores that Temporal matches this generation of a job. Never goes back to an older generation. Returns the
 * job as it then is; undefined if there is a newer generation by now, or if Temporal was seen to match one.
 */
export async function setObserved(
  db: Database,
  job: JobRow,
  { specVersion, specHash, scheduleHash, listedHash, putAt, materializeAt }: Observation,
): Promise<JobRow | undefined> {
  // These columns may have changed without another generation.
  const { rows } = await sql<Pick<JobRow, (typeof OBSERVED)[number]>>`${PREPARED}
    UPDATE jobs SET
      observed_generation = ${job.generation},
      sync_error      = NULL,
      sync_attempts   = 0,
      spec_version    = ${specVersion},
      spec_hash       = ${specHash},
      schedule_hash   = ${scheduleHash},
      listed_hash     = ${listedHash},
      schedule_put_at = ${putAt},
      -- A later change of the job has set the time itself.
      account_at      = CASE WHEN generation = ${job.generation} THEN coalesce(${materializeAt ?? null}, account_at) ELSE account_at END
    WHERE id = ${job.id} AND generation >= ${job.generation} AND observed_generation <= ${job.generation}
    RETURNING ${sql.join(OBSERVED.map((column) => sql.ref(column)))}`.execute(db);
  const [observed] = rows;
  return observed?.generation === job.generation ? { ...job, ...observed } : undefined;
}

const OBSERVED = [
  'generation',
  'observed_generation',
  'sync_error',
  'sync_attempts',
  'sync_after',
  'spec_version',
  'spec_hash',
  'schedule_hash',
  'listed_hash',
  'schedule_put_at',
  'accounted_to',
  'account_at',
  'consecutive_failures',
  'is_alerted',
  'runs_removed',
] as const satisfies (keyof JobRow)[];

/** Stores why Temporal could not be made to match this generation, and when to try again. */
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
 * Marks a job as not matched by Temporal, so that the reconciler syncs it. With `rewrite`, the schedule is
 * written even if it seems to match; with `isGone`, it is known not to exist.
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

/** Raises the generation of a job, with a revision. A job that has changed meanwhile stays as it is. */
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

/** Claims jobs and tombstones to sync, the longest overdue first. No other process claims them before `until`. */
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
        .forNoKeyUpdate()
        .skipLocked(),
    )
    .returning('id')
    .execute();
}

/** Defers the next sync of a job. A job whose row is locked stays as it is. */
export async function deferSync(db: Database, jobId: string, until: Date): Promise<void> {
  await sql`
    UPDATE jobs SET sync_after = ${until}
    WHERE id IN (SELECT id FROM jobs WHERE id = ${jobId} FOR NO KEY UPDATE SKIP LOCKED)`.execute(db);
}

/** Releases claimed jobs that were not synced. */
export async function releaseUnsynced(db: Database, ids: string[], now: Date): Promise<void> {
  if (ids.length === 0) return;
  await db
    .updateTable('jobs')
    .set({ sync_after: now })
    .where('id', 'in', ids)
    .whereRef('observed_generation', '<>', 'generation')
    .execute();
}

/** Active jobs whose schedules were written by an older version of specs. Deferred jobs are left out. */
export function listOutdatedSpecs(
  db: Database,
  specVersion: string,
  now: Date,
  limit: number,
): Promise<{ id: string }[]> {
  return db
    .selectFrom('jobs')
    .select('id')
    .where('state', '=', 'active')
    .where('deleted_at', 'is', null)
    .whereRef('observed_generation', '=', 'generation')
    .where(sql<string>`spec_version COLLATE "C"`, '<', specVersion)
    .where('sync_after', '<=', now)
    .orderBy('sync_after')
    .limit(limit)
    .execute();
}
