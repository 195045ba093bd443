import { sql, type Kysely } from 'kysely';

/** Jobs that are late: their hooks, the present episode, and when to judge them next. And when the heartbeat was last sent. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE jobs
      ADD COLUMN on_late json,
      ADD COLUMN on_time json,
      ADD COLUMN late json,
      ADD COLUMN late_watched_since timestamptz,
      ADD COLUMN late_judged_to timestamptz,
      ADD COLUMN late_check_at timestamptz`.execute(db);
  await sql`CREATE INDEX jobs_late_check ON jobs (late_check_at) WHERE late_check_at IS NOT NULL`.execute(db);
  await sql`CREATE INDEX jobs_late ON jobs (namespace, id) WHERE late IS NOT NULL`.execute(db);
  await sql`
    ALTER TABLE runs
      DROP CONSTRAINT runs_trigger_check,
      ADD CONSTRAINT runs_trigger_check
        CHECK (trigger IN ('schedule', 'manual', 'backfill', 'retry', 'onFailure', 'onRecovery', 'onLate', 'onTime'))`.execute(
    db,
  );
  await sql`
    CREATE INDEX runs_open_late_hooks ON runs (scheduled_at) WHERE ended_at IS NULL AND trigger IN ('onLate', 'onTime')`.execute(
    db,
  );
  await sql`ALTER TABLE reconciler ADD COLUMN heartbeat_at timestamptz NOT NULL DEFAULT 'epoch'`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DELETE FROM runs WHERE trigger IN ('onLate', 'onTime')`.execute(db);
  await sql`DELETE FROM job_secrets WHERE field LIKE 'onLate.%' OR field LIKE 'onTime.%'`.execute(db);
  await sql`DROP INDEX runs_open_late_hooks`.execute(db);
  await sql`
    ALTER TABLE runs
      DROP CONSTRAINT runs_trigger_check,
      ADD CONSTRAINT runs_trigger_check
        CHECK (trigger IN ('schedule', 'manual', 'backfill', 'retry', 'onFailure', 'onRecovery'))`.execute(
    db,
  );
  await sql`
    ALTER TABLE jobs
      DROP COLUMN on_late, DROP COLUMN on_time, DROP COLUMN late, DROP COLUMN late_watched_since,
      DROP COLUMN late_judged_to, DROP COLUMN late_check_at`.execute(db);
  await sql`ALTER TABLE reconciler DROP COLUMN heartbeat_at`.execute(db);
}
