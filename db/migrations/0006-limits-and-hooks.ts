import { sql, type Kysely } from 'kysely';

/** Turns of attempts under limits; hooks, and the runs that call them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE permits (
      id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      run_id         uuid NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
      scope          text NOT NULL,
      max_concurrent integer,
      rate_max       integer,
      rate_per_ms    integer,
      asked_at       timestamptz NOT NULL,
      granted_at     timestamptz,
      started_at     timestamptz,
      released_at    timestamptz,
      counts_until   timestamptz,
      remind_at      timestamptz
    )`.execute(db);
  await sql`CREATE UNIQUE INDEX permits_run ON permits (run_id) WHERE released_at IS NULL`.execute(db);
  await sql`CREATE INDEX permits_runs ON permits (run_id)`.execute(db);
  await sql`CREATE INDEX permits_line ON permits (scope, asked_at, id) WHERE granted_at IS NULL AND released_at IS NULL`.execute(
    db,
  );
  await sql`CREATE INDEX permits_held ON permits (scope) WHERE granted_at IS NOT NULL AND released_at IS NULL`.execute(
    db,
  );
  await sql`CREATE INDEX permits_recent ON permits (scope, counts_until) WHERE granted_at IS NOT NULL AND released_at IS NOT NULL`.execute(
    db,
  );
  await sql`CREATE INDEX permits_remind ON permits (remind_at) WHERE started_at IS NULL AND released_at IS NULL`.execute(
    db,
  );
  await sql`CREATE INDEX permits_old ON permits (counts_until) WHERE released_at IS NOT NULL`.execute(db);

  await sql`
    ALTER TABLE jobs
      ADD COLUMN on_failure  json,
      ADD COLUMN on_recovery json,
      ADD COLUMN is_alerted  boolean NOT NULL DEFAULT false`.execute(db);
  await sql`
    ALTER TABLE runs
      DROP CONSTRAINT runs_trigger_check,
      ADD CONSTRAINT runs_trigger_check
        CHECK (trigger IN ('schedule', 'manual', 'backfill', 'retry', 'onFailure', 'onRecovery')),
      ADD COLUMN cause json`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`
    DO $$ BEGIN
      IF EXISTS (SELECT FROM jobs WHERE deleted_at IS NULL AND target->>'type' <> 'http') THEN
        RAISE EXCEPTION 'there are jobs whose target is a workflow or an activity, which older versions can not run; delete them first';
      END IF;
    END $$`.execute(db);
  await sql`DELETE FROM runs WHERE trigger IN ('onFailure', 'onRecovery')`.execute(db);
  await sql`DELETE FROM job_secrets WHERE field LIKE 'onFailure.%' OR field LIKE 'onRecovery.%'`.execute(db);
  await sql`
    ALTER TABLE runs
      DROP CONSTRAINT runs_trigger_check,
      ADD CONSTRAINT runs_trigger_check CHECK (trigger IN ('schedule', 'manual', 'backfill', 'retry')),
      DROP COLUMN cause`.execute(db);
  await sql`
    UPDATE jobs SET policy = (policy::jsonb - '{concurrencyKey,maxConcurrent,rateLimit}'::text[])::json
    WHERE policy->>'maxConcurrent' IS NOT NULL OR policy->>'rateLimit' IS NOT NULL`.execute(db);
  await sql`ALTER TABLE jobs DROP COLUMN on_failure, DROP COLUMN on_recovery, DROP COLUMN is_alerted`.execute(
    db,
  );
  await sql`DROP TABLE permits`.execute(db);
}
