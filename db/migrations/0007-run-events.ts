import { sql, type Kysely } from 'kysely';

/**
 * The log of what becomes of runs. A trigger writes it, so that no statement that changes a run can forget to. `place`
 * is the order in which readers see events: given later than `id`, once the event is committed, by one process at a time.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE run_events (
      id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      place     bigint,
      run_id    uuid NOT NULL,
      job_id    uuid NOT NULL,
      namespace text NOT NULL,
      at        timestamptz NOT NULL,
      run       jsonb NOT NULL
    )`.execute(db);
  await sql`CREATE SEQUENCE run_events_place OWNED BY run_events.place`.execute(db);
  await sql`CREATE INDEX run_events_unplaced ON run_events (id) WHERE place IS NULL`.execute(db);
  await sql`CREATE UNIQUE INDEX run_events_places ON run_events (place)`.execute(db);
  await sql`CREATE INDEX run_events_of_namespace ON run_events (namespace, place)`.execute(db);
  await sql`CREATE INDEX run_events_of_job ON run_events (job_id, place)`.execute(db);
  await sql`CREATE INDEX run_events_at ON run_events (at)`.execute(db);

  await sql`
    CREATE FUNCTION log_run_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO run_events (run_id, job_id, namespace, at, run)
      VALUES (NEW.id, NEW.job_id, NEW.namespace, clock_timestamp(), jsonb_build_object(
        'trigger', NEW.trigger, 'scheduledAt', NEW.scheduled_at, 'state', NEW.state, 'reason', NEW.reason,
        'cancelRequestedAt', NEW.cancel_requested_at, 'attempts', jsonb_array_length(NEW.attempts),
        'lastAttempt', NEW.attempts->-1));
      RETURN NULL;
    END $$`.execute(db);
  await sql`CREATE TRIGGER run_inserted AFTER INSERT ON runs FOR EACH ROW EXECUTE FUNCTION log_run_event()`.execute(
    db,
  );
  await sql`
    CREATE TRIGGER run_changed AFTER UPDATE ON runs FOR EACH ROW
      WHEN (OLD.state <> NEW.state OR OLD.reason IS DISTINCT FROM NEW.reason OR OLD.attempts <> NEW.attempts
            OR OLD.cancel_requested_at IS DISTINCT FROM NEW.cancel_requested_at)
      EXECUTE FUNCTION log_run_event()`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TRIGGER run_inserted ON runs`.execute(db);
  await sql`DROP TRIGGER run_changed ON runs`.execute(db);
  await sql`DROP FUNCTION log_run_event`.execute(db);
  await sql`DROP TABLE run_events`.execute(db);
}
