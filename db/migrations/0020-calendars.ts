import { sql, type Kysely } from 'kysely';

/**
 * Business calendars, their revisions, and the jobs that use them. A job holds the working days of its calendar in its schedule, and
 * here which calendar and which generation of the days that is, so that jobs with older days are found.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE calendars (
      id uuid PRIMARY KEY,
      namespace text NOT NULL,
      name text NOT NULL,
      definition jsonb NOT NULL,
      days jsonb NOT NULL,
      days_generation integer NOT NULL,
      generation integer NOT NULL,
      created_at timestamptz NOT NULL,
      updated_at timestamptz NOT NULL,
      CONSTRAINT calendars_name UNIQUE (namespace, name)
    )`.execute(db);
  await sql`
    CREATE TABLE calendar_revisions (
      calendar_id uuid NOT NULL,
      namespace text NOT NULL,
      name text NOT NULL,
      generation integer NOT NULL,
      at timestamptz NOT NULL,
      by text NOT NULL,
      action text NOT NULL,
      changes jsonb NOT NULL,
      source jsonb,
      PRIMARY KEY (calendar_id, generation)
    )`.execute(db);
  await audit(db);
  await sql`
    ALTER TABLE jobs
      ADD COLUMN calendar_id uuid CONSTRAINT jobs_calendar REFERENCES calendars (id),
      ADD COLUMN calendar_generation integer`.execute(db);
  await sql`
    CREATE INDEX jobs_of_calendars ON jobs (calendar_id, calendar_generation) WHERE calendar_id IS NOT NULL`.execute(
    db,
  );
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE jobs DROP COLUMN calendar_id, DROP COLUMN calendar_generation`.execute(db);
  await sql`DROP TABLE calendar_revisions, calendars`.execute(db);
  await sql`DROP FUNCTION audit_calendar_revision`.execute(db);
}

/** Writes an entry of the audit log with each revision, as 0018-audit-log.ts does for those of jobs. */
async function audit(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`SELECT current_schema() AS schema`.execute(db);
  await sql`
    CREATE FUNCTION audit_calendar_revision() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
      SET search_path = ${sql.id(rows[0]?.schema ?? 'public')}, pg_temp AS $$
    BEGIN
      INSERT INTO audit_log (namespace, at, by, action, resource, resource_id, generation, fields, details, source)
      VALUES (NEW.namespace, date_trunc('milliseconds', clock_timestamp()), NEW."by", NEW.action, 'calendar', NEW.calendar_id,
              NEW.generation, ARRAY(SELECT json_object_keys(NEW.changes::json)), jsonb_build_object('name', NEW.name),
              coalesce(NEW.source, '{}') - 'by');
      RETURN NULL;
    END $$`.execute(db);
  await sql`
    CREATE TRIGGER audited AFTER INSERT ON calendar_revisions FOR EACH ROW
      EXECUTE FUNCTION audit_calendar_revision()`.execute(db);
}
