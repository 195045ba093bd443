import { sql, type Kysely } from 'kysely';

/** The two tables that everything stands on. `json` keeps what a user sent to the letter, where `jsonb` would reorder it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE jobs (
      id                  uuid PRIMARY KEY,
      namespace           text NOT NULL,
      name                text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
      description         text NOT NULL,
      labels              jsonb NOT NULL,
      schedule            json NOT NULL,
      target              json NOT NULL,
      retry               json NOT NULL,
      state               text NOT NULL CHECK (state IN ('active', 'paused', 'completed')),
      generation          integer NOT NULL CHECK (generation >= 1),
      observed_generation integer NOT NULL DEFAULT 0 CHECK (observed_generation BETWEEN 0 AND generation),
      sync_error          text,
      created_at          timestamptz NOT NULL,
      updated_at          timestamptz NOT NULL,
      deleted_at          timestamptz
    )`.execute(db);
  // A tombstone gives its name free.
  await sql`CREATE UNIQUE INDEX jobs_name ON jobs (namespace, name) WHERE deleted_at IS NULL`.execute(db);
  await sql`CREATE INDEX jobs_list ON jobs (namespace, id DESC) WHERE deleted_at IS NULL`.execute(db);
  await sql`CREATE INDEX jobs_list_by_state ON jobs (namespace, state, id DESC) WHERE deleted_at IS NULL`.execute(
    db,
  );
  await sql`CREATE INDEX jobs_unsynced ON jobs (updated_at) WHERE observed_generation <> generation`.execute(
    db,
  );

  await sql`
    CREATE TABLE runs (
      id              uuid PRIMARY KEY,
      job_id          uuid NOT NULL REFERENCES jobs (id),
      namespace       text NOT NULL,
      job_generation  integer NOT NULL,
      trigger         text NOT NULL CHECK (trigger IN ('schedule', 'manual')),
      scheduled_at    timestamptz NOT NULL,
      started_at      timestamptz,
      ended_at        timestamptz,
      state           text NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'skipped')),
      reason          text,
      attempts        jsonb NOT NULL DEFAULT '[]',
      workflow_id     text NOT NULL,
      temporal_run_id text,
      created_at      timestamptz NOT NULL DEFAULT now(),
      CHECK ((state IN ('queued', 'running')) = (ended_at IS NULL))
    )`.execute(db);
  // Promise 1: one run per occurrence.
  await sql`CREATE UNIQUE INDEX runs_occurrence ON runs (job_id, scheduled_at) WHERE trigger = 'schedule'`.execute(
    db,
  );
  await sql`CREATE INDEX runs_list ON runs (job_id, scheduled_at DESC, id DESC)`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE runs`.execute(db);
  await sql`DROP TABLE jobs`.execute(db);
}
