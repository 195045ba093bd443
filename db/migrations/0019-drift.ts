import { sql, type Kysely } from 'kysely';

/**
 * What Temporal held of each schedule when it was last written, so that any other is drift; the drift that was
 * repaired last; and how far the round has come that compares all schedules. The index holds only the jobs that are
 * compared out of turn.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE jobs
      ADD COLUMN schedule_hash text,
      ADD COLUMN listed_hash   text,
      ADD COLUMN compare_at    timestamptz,
      ADD COLUMN drift_count   integer NOT NULL DEFAULT 0,
      ADD COLUMN healed_at     timestamptz,
      ADD COLUMN drift         json`.execute(db);
  await sql`CREATE INDEX jobs_compare ON jobs (compare_at) WHERE compare_at IS NOT NULL`.execute(db);
  await sql`
    ALTER TABLE reconciler
      ADD COLUMN compared_to uuid,
      ADD COLUMN round_at    timestamptz NOT NULL DEFAULT 'epoch'`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE reconciler DROP COLUMN compared_to, DROP COLUMN round_at`.execute(db);
  await sql`
    ALTER TABLE jobs
      DROP COLUMN schedule_hash, DROP COLUMN listed_hash, DROP COLUMN compare_at, DROP COLUMN drift_count,
      DROP COLUMN healed_at, DROP COLUMN drift`.execute(db);
}
