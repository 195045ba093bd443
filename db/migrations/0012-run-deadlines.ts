import { sql, type Kysely } from 'kysely';

/**
 * When the timeout of its job ends a run, and what that timeout was: a job may change meanwhile. And jobs that the
 * reconciler failed to deal with, by step. They refer to no row of `jobs`, for a row that is locked may be why.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE runs ADD COLUMN deadline timestamptz, ADD COLUMN timeout text`.execute(db);
  await sql`
    CREATE TABLE deferrals (
      step     text NOT NULL,
      job_id   uuid NOT NULL,
      failures integer NOT NULL,
      retry_at timestamptz NOT NULL,
      PRIMARY KEY (step, job_id)
    )`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE deferrals`.execute(db);
  await sql`ALTER TABLE runs DROP COLUMN timeout, DROP COLUMN deadline`.execute(db);
}
