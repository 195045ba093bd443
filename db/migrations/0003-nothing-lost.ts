import { sql, type Kysely } from 'kysely';

/** Revisions, an account of every occurrence, backfills, idempotency keys, and what the reconciler notes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE jobs
      ADD COLUMN timeout             text,
      ADD COLUMN schedule_generation integer NOT NULL DEFAULT 1,
      ADD COLUMN schedule_since      timestamptz NOT NULL DEFAULT now(),
      ADD COLUMN schedule_put_at     timestamptz,
      ADD COLUMN spec_hash           text,
      ADD COLUMN accounted_to        timestamptz NOT NULL DEFAULT now(),
      ADD COLUMN account_at          timestamptz DEFAULT now(),
      ADD COLUMN sync_after          timestamptz NOT NULL DEFAULT now(),
      ADD COLUMN sync_attempts       integer NOT NULL DEFAULT 0,
      ADD COLUMN runs_removed        integer NOT NULL DEFAULT 0`.execute(db);
  await sql`UPDATE jobs SET schedule_generation = generation, schedule_since = updated_at`.execute(db);
  await sql`UPDATE jobs SET account_at = NULL WHERE deleted_at IS NOT NULL OR state = 'completed'`.execute(
    db,
  );
  // The schedules that are there get a note of their generation, and are read back.
  await sql`UPDATE jobs SET observed_generation = 0 WHERE deleted_at IS NULL AND state <> 'completed'`.execute(
    db,
  );
  await sql`ALTER TABLE jobs ALTER COLUMN schedule_generation DROP DEFAULT, ALTER COLUMN schedule_since DROP DEFAULT,
    ALTER COLUMN accounted_to DROP DEFAULT, ALTER COLUMN account_at DROP DEFAULT, ALTER COLUMN sync_after DROP DEFAULT`.execute(
    db,
  );
  await sql`DROP INDEX jobs_unsynced`.execute(db);
  await sql`CREATE INDEX jobs_unsynced ON jobs (sync_after) WHERE observed_generation <> generation`.execute(
    db,
  );
  await sql`CREATE INDEX jobs_account ON jobs (account_at) WHERE account_at IS NOT NULL`.execute(db);
  await sql`CREATE INDEX jobs_deleted ON jobs (deleted_at) WHERE deleted_at IS NOT NULL`.execute(db);

  await sql`
    CREATE TABLE job_revisions (
      job_id     uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
      generation integer NOT NULL,
      at         timestamptz NOT NULL,
      by         text NOT NULL,
      action     text NOT NULL,
      changes    json NOT NULL,
      PRIMARY KEY (job_id, generation)
    )`.execute(db);
  await sql`
    INSERT INTO job_revisions (job_id, generation, at, by, action, changes)
    SELECT id, generation, updated_at, 'migration', 'imported', '{}' FROM jobs`.execute(db);

  await sql`
    CREATE TABLE backfills (
      id         uuid PRIMARY KEY,
      job_id     uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
      overlap    text NOT NULL CHECK (overlap IN ('bufferAll', 'allowAll')),
      created_at timestamptz NOT NULL
    )`.execute(db);
  await sql`CREATE INDEX backfills_job ON backfills (job_id)`.execute(db);

  await sql`
    ALTER TABLE runs
      DROP CONSTRAINT runs_state_check,
      DROP CONSTRAINT runs_trigger_check,
      ADD CONSTRAINT runs_state_check CHECK (state IN
        ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'timedOut', 'skipped', 'missed')),
      ADD CONSTRAINT runs_trigger_check CHECK (trigger IN ('schedule', 'manual', 'backfill')),
      ADD COLUMN backfill_id uuid REFERENCES backfills (id),
      ADD COLUMN made_up     boolean NOT NULL DEFAULT false,
      ADD COLUMN check_at    timestamptz NOT NULL DEFAULT now() + interval '30 s'`.execute(db);
  await sql`CREATE INDEX runs_open ON runs (check_at) WHERE ended_at IS NULL`.execute(db);
  await sql`CREATE INDEX runs_open_of_job ON runs (job_id) WHERE ended_at IS NULL`.execute(db);
  await sql`CREATE INDEX runs_ended ON runs (ended_at) WHERE ended_at IS NOT NULL`.execute(db);
  await sql`CREATE INDEX runs_backfill ON runs (backfill_id, scheduled_at) WHERE backfill_id IS NOT NULL`.execute(
    db,
  );

  await sql`
    CREATE TABLE idempotency_keys (
      namespace    text NOT NULL,
      key          text NOT NULL,
      fingerprint  text NOT NULL,
      resource_id  uuid NOT NULL,
      answer       json,
      locked_until timestamptz NOT NULL,
      created_at   timestamptz NOT NULL,
      PRIMARY KEY (namespace, key)
    )`.execute(db);
  await sql`CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at)`.execute(db);

  await sql`
    CREATE TABLE reconciler (
      single      boolean PRIMARY KEY DEFAULT true CHECK (single),
      holder      text,
      lease_until timestamptz NOT NULL DEFAULT 'epoch',
      passed_at   timestamptz NOT NULL DEFAULT 'epoch',
      swept_at    timestamptz NOT NULL DEFAULT 'epoch'
    )`.execute(db);
  await sql`INSERT INTO reconciler DEFAULT VALUES`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DELETE FROM runs WHERE state IN ('timedOut', 'missed') OR trigger = 'backfill'`.execute(db);
  await sql`
    ALTER TABLE runs
      DROP CONSTRAINT runs_state_check,
      DROP CONSTRAINT runs_trigger_check,
      ADD CONSTRAINT runs_state_check CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'skipped')),
      ADD CONSTRAINT runs_trigger_check CHECK (trigger IN ('schedule', 'manual')),
      DROP COLUMN backfill_id, DROP COLUMN made_up, DROP COLUMN check_at`.execute(db);
  await sql`DROP INDEX runs_ended`.execute(db);
  await sql`DROP INDEX runs_open_of_job`.execute(db);
  await sql`DROP TABLE reconciler, idempotency_keys, backfills, job_revisions`.execute(db);
  await sql`DROP INDEX jobs_deleted, jobs_account, jobs_unsynced`.execute(db);
  await sql`
    ALTER TABLE jobs
      DROP COLUMN timeout, DROP COLUMN schedule_generation, DROP COLUMN schedule_since, DROP COLUMN schedule_put_at,
      DROP COLUMN spec_hash, DROP COLUMN accounted_to, DROP COLUMN account_at, DROP COLUMN sync_after,
      DROP COLUMN sync_attempts, DROP COLUMN runs_removed`.execute(db);
  await sql`CREATE INDEX jobs_unsynced ON jobs (updated_at) WHERE observed_generation <> generation`.execute(
    db,
  );
}
