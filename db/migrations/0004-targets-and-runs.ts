import { sql, type Kysely } from 'kysely';

/** Secrets of targets; runs that repeat another one, and runs that somebody wants to end. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE job_secrets (
      job_id uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
      field  text NOT NULL,
      key_id text NOT NULL,
      sealed text NOT NULL,
      PRIMARY KEY (job_id, field)
    )`.execute(db);
  await sql`CREATE INDEX job_secrets_key ON job_secrets (key_id)`.execute(db);

  // As text: jsonb would reorder what a user sent.
  const add = (column: string, fields: string) =>
    sql`
      UPDATE jobs SET ${sql.ref(column)} = (regexp_replace(${sql.ref(column)}::text, '\\s*\\}\\s*$', '') || ${fields} || '}')::json`.execute(
      db,
    );
  await add('target', ',"successStatus":["200-299"],"followRedirects":false');
  await add('retry', ',"respectRetryAfter":true,"retryStatus":[408,425,429,"500-599"]');

  await sql`
    ALTER TABLE runs
      DROP CONSTRAINT runs_trigger_check,
      ADD CONSTRAINT runs_trigger_check CHECK (trigger IN ('schedule', 'manual', 'backfill', 'retry')),
      ADD COLUMN retry_of            uuid,
      ADD COLUMN cancel_requested_at timestamptz`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`
    DO $$ BEGIN
      IF EXISTS (SELECT FROM job_secrets) THEN
        RAISE EXCEPTION 'there are jobs with secrets, which older versions can not keep; take the secrets away first';
      END IF;
    END $$`.execute(db);
  await sql`DELETE FROM runs WHERE trigger = 'retry'`.execute(db);
  await sql`
    ALTER TABLE runs
      DROP CONSTRAINT runs_trigger_check,
      ADD CONSTRAINT runs_trigger_check CHECK (trigger IN ('schedule', 'manual', 'backfill')),
      DROP COLUMN retry_of, DROP COLUMN cancel_requested_at`.execute(db);
  const remove = (column: string, fields: string[]) =>
    sql`
      UPDATE jobs SET ${sql.ref(column)} = (${sql.ref(column)}::jsonb - ${fields}::text[])::json`.execute(db);
  await remove('target', ['successStatus', 'followRedirects', 'signing']);
  await remove('retry', ['respectRetryAfter', 'retryStatus']);
  await sql`DROP TABLE job_secrets`.execute(db);
}
