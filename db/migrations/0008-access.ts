import { sql, type Kysely } from 'kysely';

/** Keys for the API, and what its callers have used of their rate limits. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE api_keys (
      id           uuid PRIMARY KEY,
      namespace    text NOT NULL,
      name         text NOT NULL,
      hash         text NOT NULL,
      hint         text NOT NULL,
      scopes       text[] NOT NULL,
      created_at   timestamptz NOT NULL,
      created_by   text NOT NULL,
      expires_at   timestamptz,
      last_used_at timestamptz,
      revoked_at   timestamptz,
      revoked_by   text
    )`.execute(db);
  await sql`CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash)`.execute(db);
  await sql`CREATE UNIQUE INDEX api_keys_name ON api_keys (namespace, name) WHERE revoked_at IS NULL`.execute(
    db,
  );
  await sql`CREATE INDEX api_keys_of_namespace ON api_keys (namespace, id)`.execute(db);

  // Its columns are those that rate-limiter-flexible writes. Counts of one minute need not survive a crash.
  await sql`
    CREATE UNLOGGED TABLE rate_limits (
      key    varchar(255) PRIMARY KEY,
      points integer NOT NULL DEFAULT 0,
      expire bigint
    )`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE rate_limits`.execute(db);
  await sql`DROP TABLE api_keys`.execute(db);
}
