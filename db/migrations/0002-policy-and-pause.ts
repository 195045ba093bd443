import { sql, type Kysely } from 'kysely';

/** Policies, pausing, completion; runs that were cancelled. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE jobs
      ADD COLUMN policy               json NOT NULL DEFAULT '{"overlap":"skip","catchupWindow":"1h","onCompletion":"keep"}',
      ADD COLUMN catchup_seconds      integer NOT NULL DEFAULT 3600,
      ADD COLUMN spec_version         text,
      ADD COLUMN finishes_at          timestamptz,
      ADD COLUMN consecutive_failures integer NOT NULL DEFAULT 0,
      ADD COLUMN pause_reason         text,
      ADD COLUMN paused_by            text,
      ADD COLUMN paused_at            timestamptz,
      ADD COLUMN paused_until         timestamptz,
      ADD CHECK ((state = 'paused') = (paused_at IS NOT NULL))`.execute(db);
  // Whoever writes a job says what its policy is; the default was for the rows that were there.
  await sql`ALTER TABLE jobs ALTER COLUMN policy DROP DEFAULT, ALTER COLUMN catchup_seconds DROP DEFAULT`.execute(
    db,
  );
  await sql`CREATE INDEX jobs_spec_version ON jobs (spec_version COLLATE "C") WHERE state = 'active' AND deleted_at IS NULL`.execute(
    db,
  );
  await sql`CREATE INDEX jobs_finishing ON jobs (finishes_at) WHERE state = 'active' AND deleted_at IS NULL`.execute(
    db,
  );
  await sql`
    CREATE INDEX jobs_time_zone ON jobs ((schedule->>'timeZone'), id)
      WHERE state = 'active' AND deleted_at IS NULL AND schedule->>'timeZone' <> 'UTC'`.execute(db);
  await sql`
    CREATE INDEX jobs_counted ON jobs (id)
      WHERE state = 'active' AND deleted_at IS NULL AND schedule->>'maxRuns' IS NOT NULL`.execute(db);
  await sql`CREATE INDEX jobs_paused_until ON jobs (paused_until) WHERE state = 'paused' AND deleted_at IS NULL`.execute(
    db,
  );

  await sql`ALTER TABLE runs DROP CONSTRAINT runs_state_check`.execute(db);
  await sql`
    ALTER TABLE runs ADD CONSTRAINT runs_state_check
      CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'skipped'))`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DELETE FROM runs WHERE state = 'cancelled'`.execute(db);
  await sql`ALTER TABLE runs DROP CONSTRAINT runs_state_check`.execute(db);
  await sql`
    ALTER TABLE runs ADD CONSTRAINT runs_state_check
      CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'skipped'))`.execute(db);
  await sql`
    ALTER TABLE jobs
      DROP COLUMN policy, DROP COLUMN catchup_seconds, DROP COLUMN spec_version, DROP COLUMN finishes_at, DROP COLUMN consecutive_failures,
      DROP COLUMN pause_reason, DROP COLUMN paused_by, DROP COLUMN paused_at, DROP COLUMN paused_until`.execute(
    db,
  );
}
