import { sql, type Kysely } from 'kysely';

/**
 * Indexes for lists of jobs: by labels, without a place for jobs that have none, and by what Temporal does not match, in
 * the order of the list. Postgres takes nearly all jobs for unsynced, so it would walk along all of them otherwise.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE INDEX jobs_labels ON jobs USING gin (labels) WHERE deleted_at IS NULL AND labels <> '{}'`.execute(
    db,
  );
  await sql`
    CREATE INDEX jobs_list_unsynced ON jobs (namespace, id DESC)
      WHERE deleted_at IS NULL AND observed_generation <> generation`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP INDEX jobs_labels, jobs_list_unsynced`.execute(db);
}
