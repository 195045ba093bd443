import { sql, type Kysely } from 'kysely';

/** The requests that jobs and runs come from: see domain/run/origin.ts. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE jobs ADD COLUMN origin jsonb`.execute(db);
  await sql`ALTER TABLE runs ADD COLUMN origin jsonb`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE runs DROP COLUMN origin`.execute(db);
  await sql`ALTER TABLE jobs DROP COLUMN origin`.execute(db);
}
