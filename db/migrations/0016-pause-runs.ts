import { sql, type Kysely, type RawBuilder } from 'kysely';

/**
 * A run can stand for several occurrences: those that fell into one pause of its job (scheduling/occurrences/pause-account.ts). It is
 * found by its last one too; the indexes hold such runs alone. What becomes of it is an event like any other.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE runs ADD COLUMN occurrences integer, ADD COLUMN last_scheduled_at timestamptz`.execute(
    db,
  );
  await sql`
    CREATE INDEX runs_of_pauses ON runs (namespace, last_scheduled_at) WHERE last_scheduled_at IS NOT NULL`.execute(
    db,
  );
  await sql`
    CREATE INDEX runs_of_pauses_of_job ON runs (job_id, last_scheduled_at) WHERE last_scheduled_at IS NOT NULL`.execute(
    db,
  );
  await logRunEvents(
    db,
    sql`, 'occurrences', CASE WHEN NEW.last_scheduled_at IS NOT NULL THEN jsonb_build_object(
          'from', NEW.scheduled_at, 'to', NEW.last_scheduled_at, 'count', NEW.occurrences) END`,
  );
  await logChanges(db, sql`OR OLD.last_scheduled_at IS DISTINCT FROM NEW.last_scheduled_at`);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await logChanges(db, sql``);
  await logRunEvents(db, sql``);
  await sql`ALTER TABLE runs DROP COLUMN last_scheduled_at, DROP COLUMN occurrences`.execute(db);
}

/** The function that writes the log, as it was, and what it writes more. */
async function logRunEvents(db: Kysely<unknown>, more: RawBuilder<unknown>): Promise<void> {
  await sql`
    CREATE OR REPLACE FUNCTION log_run_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO run_events (run_id, job_id, namespace, at, run)
      VALUES (NEW.id, NEW.job_id, NEW.namespace, clock_timestamp(), jsonb_build_object(
        'trigger', NEW.trigger, 'scheduledAt', NEW.scheduled_at, 'state', NEW.state, 'reason', NEW.reason,
        'cancelRequestedAt', NEW.cancel_requested_at, 'attempts', jsonb_array_length(NEW.attempts),
        'lastAttempt', NEW.attempts->-1${more}));
      RETURN NULL;
    END $$`.execute(db);
}

/** What of a run is logged when it changes, as it was, and what more. */
async function logChanges(db: Kysely<unknown>, more: RawBuilder<unknown>): Promise<void> {
  await sql`DROP TRIGGER run_changed ON runs`.execute(db);
  await sql`
    CREATE TRIGGER run_changed AFTER UPDATE ON runs FOR EACH ROW
      WHEN (OLD.state <> NEW.state OR OLD.reason IS DISTINCT FROM NEW.reason OR OLD.attempts <> NEW.attempts
            OR OLD.cancel_requested_at IS DISTINCT FROM NEW.cancel_requested_at ${more})
      EXECUTE FUNCTION log_run_event()`.execute(db);
}
