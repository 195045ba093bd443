import { sql, type Kysely } from 'kysely';

/**
 * Indexes in the order of the lists of runs, one for each way to filter them. `runs_list` is that of one job's runs.
 * Most runs have the trigger `schedule`, which a walk along the unfiltered list finds soon enough.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE INDEX runs_all ON runs (namespace, scheduled_at DESC, id DESC)`.execute(db);
  await sql`CREATE INDEX runs_by_state ON runs (namespace, state, scheduled_at DESC, id DESC)`.execute(db);
  await sql`CREATE INDEX runs_of_job_by_state ON runs (job_id, state, scheduled_at DESC, id DESC)`.execute(
    db,
  );
  await sql`
    CREATE INDEX runs_by_trigger ON runs (namespace, trigger, scheduled_at DESC, id DESC)
      WHERE trigger <> 'schedule'`.execute(db);
  await sql`
    CREATE INDEX runs_of_job_by_trigger ON runs (job_id, trigger, scheduled_at DESC, id DESC)
      WHERE trigger <> 'schedule'`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`
    DROP INDEX runs_all, runs_by_state, runs_of_job_by_state, runs_by_trigger, runs_of_job_by_trigger`.execute(
    db,
  );
}
