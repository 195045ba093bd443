import { sql, type Kysely } from 'kysely';

/** When the timeout of its job ends a run, and what that timeout was: a job may change meanwhile. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE runs ADD COLUMN deadline timestamptz, ADD COLUMN timeout text`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE runs DROP COLUMN timeout, DROP COLUMN deadline`.execute(db);
}
