import type pg from 'pg';

/**
 * Copies a job that the API has created until there are `count` of them in the database, each with an ended run. All are
 * marked as synced, although only the first one is in Temporal. The sweep would notice that, so the reconciler's row says
 * that it has just run.
 */
export async function seedJobs(db: pg.Pool, templateId: string, count: number): Promise<void> {
  const client = await db.connect();
  try {
    // Skips the foreign key check and the event of each row.
    await client.query(`SET session_replication_role = replica`);
    // UUIDs of version 7 with times before now, so that they are in the order of their numbers.
    await client.query(
      `INSERT INTO jobs
       SELECT (jsonb_populate_record(job, jsonb_build_object(
         'id', uuidv7((number - $2) * interval '1 ms'), 'name', 'seeded-' || number))).*
       FROM jobs AS job, generate_series(1, $2::integer - 1) AS number
       WHERE job.id = $1`,
      [templateId, count],
    );
    await client.query(
      `INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, started_at, ended_at, state, workflow_id)
       SELECT gen_random_uuid(), id, namespace, 1, 'schedule', created_at, created_at, created_at, 'succeeded', 'seeded-' || id
       FROM jobs`,
    );
    await client.query(`UPDATE reconciler SET passed_at = now(), swept_at = now()`);
    await client.query('VACUUM (ANALYZE) jobs, runs');
  } finally {
    client.release(true);
  }
}
