import { sql, type Kysely, type RawBuilder } from 'kysely';

/** The code of a run's reason (domain/run/reasons.ts), also in the events of runs. Null in rows of earlier versions. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE runs ADD COLUMN reason_code text`.execute(db);
  await logRunEvents(db, sql`, 'reasonCode', NEW.reason_code`);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await logRunEvents(db, sql``);
  await sql`ALTER TABLE runs DROP COLUMN reason_code`.execute(db);
}

/** The function that writes the events: as migration 0016 left it, and with more fields. */
async function logRunEvents(db: Kysely<unknown>, more: RawBuilder<unknown>): Promise<void> {
  await sql`
    CREATE OR REPLACE FUNCTION log_run_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO run_events (run_id, job_id, namespace, at, run)
      VALUES (NEW.id, NEW.job_id, NEW.namespace, clock_timestamp(), jsonb_build_object(
        'trigger', NEW.trigger, 'scheduledAt', NEW.scheduled_at, 'state', NEW.state, 'reason', NEW.reason,
        'cancelRequestedAt', NEW.cancel_requested_at, 'attempts', jsonb_array_length(NEW.attempts),
        'lastAttempt', NEW.attempts->-1,
        'occurrences', CASE WHEN NEW.last_scheduled_at IS NOT NULL THEN jsonb_build_object(
          'from', NEW.scheduled_at, 'to', NEW.last_scheduled_at, 'count', NEW.occurrences) END${more}));
      RETURN NULL;
    END $$`.execute(db);
}
