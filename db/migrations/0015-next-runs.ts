import { sql, type Kysely } from 'kysely';

/**
 * When each job runs next, noted for a list in that order (db/jobs/next-runs.ts). The default has passed, which says that it is to be
 * worked out: so it is of all jobs that are there, and of those that an older version makes meanwhile.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE jobs ADD COLUMN next_run_at timestamptz DEFAULT 'epoch'`.execute(db);
  await sql`CREATE INDEX jobs_list_by_next_run ON jobs (namespace, next_run_at, id) WHERE deleted_at IS NULL`.execute(
    db,
  );
  await sql`CREATE INDEX jobs_next_run ON jobs (next_run_at) WHERE deleted_at IS NULL`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE jobs DROP COLUMN next_run_at`.execute(db);
}
