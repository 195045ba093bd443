import { sql, type Kysely } from 'kysely';

/** The dates from which business days have moved the occurrence of a run. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE runs ADD COLUMN moved_from text[]`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE runs DROP COLUMN moved_from`.execute(db);
}
