import { sql, type Kysely, type RawBuilder } from 'kysely';

/**
 * The audit log (domain/job/audit.ts): who changed what, when and from where. Triggers write it in the transaction of the
 * change, so that no statement, and no older version that is still running, can forget to. They run with the rights of
 * the owner of the tables, so that the role of a service needs no right to write the log. An entry stays as it is, and
 * for half a day at least: no retention is shorter than a day, and clocks may differ.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE audit_log (
      namespace   text NOT NULL,
      at          timestamptz NOT NULL,
      id          bigint GENERATED ALWAYS AS IDENTITY,
      by          text NOT NULL,
      action      text NOT NULL,
      resource    text NOT NULL,
      resource_id uuid NOT NULL,
      job_id      uuid,
      generation  integer,
      fields      text[] NOT NULL,
      details     jsonb NOT NULL,
      source      jsonb NOT NULL,
      PRIMARY KEY (namespace, at, id)
    )`.execute(db);
  await sql`CREATE INDEX audit_log_by ON audit_log (namespace, by, at, id)`.execute(db);
  await sql`CREATE INDEX audit_log_resource ON audit_log (namespace, resource, at, id)`.execute(db);
  await sql`CREATE INDEX audit_log_job ON audit_log (job_id, at, id)`.execute(db);
  await sql`CREATE INDEX audit_log_expiring ON audit_log (at) WHERE resource IN ('run', 'backfill') OR action = 'withdrawn'`.execute(
    db,
  );

  await sql`ALTER TABLE job_revisions ADD COLUMN source jsonb`.execute(db);
  await sql`ALTER TABLE runs ADD COLUMN source jsonb, ADD COLUMN cancel_source jsonb`.execute(db);
  await sql`ALTER TABLE backfills ADD COLUMN source jsonb, ADD COLUMN range jsonb`.execute(db);
  await sql`ALTER TABLE api_keys ADD COLUMN source jsonb, ADD COLUMN revoke_source jsonb`.execute(db);

  const { rows } = await sql<{ schema: string }>`SELECT current_schema() AS schema`.execute(db);
  // A temporary table of the caller must not take the place of the log.
  const path = sql`${sql.id(rows[0]?.schema ?? 'public')}, pg_temp`;

  await createAudit(db, path, 'audit_revision', {
    namespace: sql`(SELECT namespace FROM jobs WHERE id = NEW.job_id)`,
    // In quotes, because BY is a word of PL/pgSQL.
    by: sql`NEW."by"`,
    action: sql`NEW.action`,
    resource: sql`'job'`,
    resource_id: sql`NEW.job_id`,
    job_id: sql`NEW.job_id`,
    generation: sql`NEW.generation`,
    fields: sql`ARRAY(SELECT json_object_keys(NEW.changes))`,
    source: sql`NEW.source`,
  });
  await sql`
    CREATE TRIGGER audited AFTER INSERT ON job_revisions FOR EACH ROW EXECUTE FUNCTION audit_revision()`.execute(
    db,
  );

  // A new job that Temporal refuses (removeNewJob), or one that somebody deletes with SQL. Tombstones have their entry.
  await createAudit(db, path, 'audit_withdrawal', {
    namespace: sql`OLD.namespace`,
    by: sql`CASE WHEN OLD.generation = 1 AND OLD.schedule_put_at IS NULL THEN 'refused by Temporal' END`,
    action: sql`'withdrawn'`,
    resource: sql`'job'`,
    resource_id: sql`OLD.id`,
    job_id: sql`OLD.id`,
    generation: sql`OLD.generation`,
    source: sql`OLD.origin`,
  });
  await sql`
    CREATE TRIGGER audited AFTER DELETE ON jobs FOR EACH ROW WHEN (OLD.deleted_at IS NULL)
      EXECUTE FUNCTION audit_withdrawal()`.execute(db);

  await createAudit(db, path, 'audit_requested_run', {
    namespace: sql`NEW.namespace`,
    by: sql`NEW.source->>'by'`,
    action: sql`CASE WHEN NEW.retry_of IS NULL THEN 'requested' ELSE 'retried' END`,
    resource: sql`'run'`,
    resource_id: sql`NEW.id`,
    job_id: sql`NEW.job_id`,
    generation: sql`NEW.job_generation`,
    details: sql`jsonb_build_object('retryOf', NEW.retry_of)`,
    source: sql`NEW.source`,
  });
  await sql`
    CREATE TRIGGER audited AFTER INSERT ON runs FOR EACH ROW
      WHEN (NEW.trigger = 'manual' OR NEW.retry_of IS NOT NULL) EXECUTE FUNCTION audit_requested_run()`.execute(
    db,
  );

  await createAudit(db, path, 'audit_cancellation', {
    namespace: sql`NEW.namespace`,
    by: sql`NEW.cancel_source->>'by'`,
    action: sql`'cancelled'`,
    resource: sql`'run'`,
    resource_id: sql`NEW.id`,
    job_id: sql`NEW.job_id`,
    generation: sql`NEW.job_generation`,
    source: sql`NEW.cancel_source`,
  });
  await sql`
    CREATE TRIGGER audited_cancellation AFTER UPDATE OF cancel_requested_at ON runs FOR EACH ROW
      WHEN (OLD.cancel_requested_at IS NULL AND NEW.cancel_requested_at IS NOT NULL)
      EXECUTE FUNCTION audit_cancellation()`.execute(db);

  await createAudit(db, path, 'audit_backfill', {
    namespace: sql`(SELECT namespace FROM jobs WHERE id = NEW.job_id)`,
    by: sql`NEW.source->>'by'`,
    action: sql`'requested'`,
    resource: sql`'backfill'`,
    resource_id: sql`NEW.id`,
    job_id: sql`NEW.job_id`,
    generation: sql`(SELECT generation FROM jobs WHERE id = NEW.job_id)`,
    details: sql`jsonb_build_object('overlap', NEW.overlap) || coalesce(NEW.range, '{}')`,
    source: sql`NEW.source`,
  });
  await sql`
    CREATE TRIGGER audited AFTER INSERT ON backfills FOR EACH ROW EXECUTE FUNCTION audit_backfill()`.execute(
    db,
  );

  const ofKey = {
    namespace: sql`NEW.namespace`,
    resource: sql`'apiKey'`,
    resource_id: sql`NEW.id`,
    details: sql`jsonb_build_object('name', NEW.name, 'hint', NEW.hint, 'scopes', NEW.scopes)`,
  };
  await createAudit(db, path, 'audit_new_key', {
    ...ofKey,
    by: sql`NEW.created_by`,
    action: sql`'created'`,
    source: sql`NEW.source`,
  });
  await createAudit(db, path, 'audit_revoked_key', {
    ...ofKey,
    by: sql`NEW.revoked_by`,
    action: sql`'revoked'`,
    source: sql`NEW.revoke_source`,
  });
  await sql`
    CREATE TRIGGER audited AFTER INSERT ON api_keys FOR EACH ROW EXECUTE FUNCTION audit_new_key()`.execute(
    db,
  );
  await sql`
    CREATE TRIGGER audited_revocation AFTER UPDATE OF revoked_at ON api_keys FOR EACH ROW
      WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION audit_revoked_key()`.execute(
    db,
  );

  await requireRevisions(db);
  await appendOnly(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TRIGGER has_revision ON jobs`.execute(db);
  await sql`DROP TRIGGER audited ON jobs`.execute(db);
  await sql`DROP TRIGGER audited ON job_revisions`.execute(db);
  await sql`DROP TRIGGER audited ON backfills`.execute(db);
  for (const table of ['runs', 'api_keys']) {
    await sql`DROP TRIGGER audited ON ${sql.table(table)}`.execute(db);
    const other = table === 'runs' ? 'audited_cancellation' : 'audited_revocation';
    await sql`DROP TRIGGER ${sql.id(other)} ON ${sql.table(table)}`.execute(db);
  }
  await sql`DROP FUNCTION require_revision, audit_revision, audit_withdrawal, audit_requested_run, audit_cancellation,
    audit_backfill, audit_new_key, audit_revoked_key`.execute(db);
  await sql`ALTER TABLE api_keys DROP COLUMN source, DROP COLUMN revoke_source`.execute(db);
  await sql`ALTER TABLE backfills DROP COLUMN source, DROP COLUMN range`.execute(db);
  await sql`ALTER TABLE runs DROP COLUMN source, DROP COLUMN cancel_source`.execute(db);
  await sql`ALTER TABLE job_revisions DROP COLUMN source`.execute(db);
  await sql`DROP TABLE audit_log`.execute(db);
  await sql`DROP FUNCTION refuse_audit_change`.execute(db);
}

/** The columns of an entry, as expressions over the row that has changed. */
interface Entry {
  namespace: RawBuilder<unknown>;
  /** Null if the row does not say: then it is the role of the database that made the change. */
  by: RawBuilder<unknown>;
  action: RawBuilder<unknown>;
  resource: RawBuilder<unknown>;
  resource_id: RawBuilder<unknown>;
  job_id?: RawBuilder<unknown>;
  generation?: RawBuilder<unknown>;
  fields?: RawBuilder<unknown>;
  details?: RawBuilder<unknown>;
  source: RawBuilder<unknown>;
}

/**
 * Creates the function of a trigger that writes an entry. The time is that of the database, and ends with milliseconds,
 * as instants of the API do.
 */
async function createAudit(
  db: Kysely<unknown>,
  path: RawBuilder<unknown>,
  name: string,
  { by, source, details = sql`'{}'::jsonb`, ...entry }: Entry,
): Promise<void> {
  const columns = {
    at: sql`date_trunc('milliseconds', clock_timestamp())`,
    by: sql`coalesce(${by}, 'database:' || session_user)`,
    details: sql`jsonb_strip_nulls(${details})`,
    source: sql`coalesce(${source}, '{}') - 'by'`,
    fields: sql`'{}'::text[]`,
    ...entry,
  };
  await sql`
    CREATE FUNCTION ${sql.id(name)}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = ${path} AS $$
    BEGIN
      INSERT INTO audit_log (${sql.join(Object.keys(columns).map((column) => sql.ref(column)))})
      VALUES (${sql.join(Object.values(columns))});
      RETURN NULL;
    END $$`.execute(db);
}

/**
 * Refuses, at its commit, a transaction that gives a job a generation without its revision, and so without an entry. Not
 * before, for the revision may be stored after the job.
 */
async function requireRevisions(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION require_revision() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF EXISTS (SELECT FROM jobs WHERE id = NEW.id AND generation = NEW.generation)
         AND NOT EXISTS (SELECT FROM job_revisions WHERE job_id = NEW.id AND generation = NEW.generation) THEN
        RAISE EXCEPTION 'generation % of the job % has no revision', NEW.generation, NEW.id
          USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      RETURN NULL;
    END $$`.execute(db);
  await sql`
    CREATE CONSTRAINT TRIGGER has_revision AFTER INSERT OR UPDATE OF generation ON jobs DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION require_revision()`.execute(db);
}

async function appendOnly(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'the audit log is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
    END $$`.execute(db);
  await sql`
    CREATE TRIGGER no_update BEFORE UPDATE OR TRUNCATE ON audit_log FOR EACH STATEMENT
      EXECUTE FUNCTION refuse_audit_change()`.execute(db);
  await sql`
    CREATE TRIGGER no_early_delete BEFORE DELETE ON audit_log FOR EACH ROW
      WHEN (OLD.at > now() - interval '12 hours') EXECUTE FUNCTION refuse_audit_change()`.execute(db);
}
