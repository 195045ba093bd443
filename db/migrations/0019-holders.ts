import { sql, type Kysely } from 'kysely';

/**
 * Each attempt has one holder, with a fencing token: on its run, and on its permit (db/runs/attempt-holder.ts). Calls whose
 * holder was lost are kept beside the attempts.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE runs ADD COLUMN holder jsonb, ADD COLUMN lost_calls jsonb NOT NULL DEFAULT '[]'`.execute(db);
  await sql`ALTER TABLE permits ADD COLUMN token bigint`.execute(db);
  await sql`CREATE INDEX permits_tokens ON permits (scope, token) WHERE token IS NOT NULL`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE permits DROP COLUMN token`.execute(db);
  await sql`ALTER TABLE runs DROP COLUMN lost_calls, DROP COLUMN holder`.execute(db);
}
