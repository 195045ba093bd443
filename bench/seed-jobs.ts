import type pg from 'pg';

/**
 * Copies a job that the API made until there are `count` of them in the database, each with a run that has ended. They
 * are all said to be in Temporal, where only the first one is: nothing that compares both may happen to them, so the
 * reconciler is told that it has just done so.
 */
export async function seedJobs(db: pg.Pool, templateId: string, count: number): Promise<void> {
  const client = await db.connect();
  try {
    // Each row would look up its job, and log an event.
    await client.query(`SET session_replication_role = replica`);
    // Ids of version 7, of the time before now, so that they are in the order of their numbers.
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
