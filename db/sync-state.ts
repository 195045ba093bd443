import { sql } from 'kysely';
import type { Database } from './database.ts';
import { insertRevision } from './revisions.ts';
import type { JobRow } from './schema.ts';

// What is known of how far Temporal matches each job: what sync notes, and whom it has to take on.

/** What sync knows of a schedule that it has seen in Temporal; null if there is to be none. */
export interface Observation {
  specVersion: string;
  specHash: string | null;
  putAt: Date | null;
  /** When to account for the job's occurrences, if that is not to stay as it is. */
  accountAt?: Date;
}

/**
 * Notes that Temporal matches this generation of a job; never goes back to an older one. Answers the job as it then is;
 * undefined if Temporal was seen to match a newer one.
 */
export function setObserved(
  db: Database,
  job: Pick<JobRow, 'id' | 'generation'>,
  { specVersion, specHash, putAt, accountAt }: Observation,
): Promise<JobRow | undefined> {
  return db
    .updateTable('jobs')
    .set({
      observed_generation: job.generation,
      sync_error: null,
      sync_attempts: 0,
      spec_version: specVersion,
      spec_hash: specHash,
      schedule_put_at: putAt,
      ...(accountAt === undefined ? {} : { account_at: ifUnchanged(job, accountAt) }),
    })
    .where('id', '=', job.id)
    .where('generation', '>=', job.generation)
    .where('observed_generation', '<=', job.generation)
    .returningAll()
    .executeTakeFirst();
}

/** For a job that has changed meanwhile, the newer write has said when. */
const ifUnchanged = ({ generation }: Pick<JobRow, 'generation'>, accountAt: Date) =>
  sql<Date>`CASE WHEN generation = ${generation} THEN ${accountAt} ELSE account_at END`;

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
        .forNoKeyUpdate()
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

/** Jobs whose schedules were made by an older version of specs, but for those that Temporal refused a while ago. */
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
