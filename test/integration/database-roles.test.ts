import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { KyselyPlugin } from 'kysely';
import pg from 'pg';
import { queryAuditRows } from '../../db/access/audit-log.ts';
import { createDatabase, type Database } from '../../db/database.ts';
import { removeOldAuditEntries, removeOldTombstones } from '../../db/upkeep/retention.ts';
import { JobInput, type EvaluableInput } from '../../domain/job/job.ts';
import { readConfig } from '../../platform/config.ts';
import { createLogger } from '../../platform/logger.ts';
import { createSecretBox } from '../../platform/secret-box.ts';
import { storeJobChange, storeNewJob } from '../../scheduling/jobs/store-job.ts';
import { createDatabaseRoles } from '../support/database-roles.ts';
import { createStack, type Stack } from '../support/stack.ts';

// What the roles of deploy/postgres/roles.sql can and cannot do to the audit log, and what the log costs.

let stack: Stack;
let api: pg.Pool;
let worker: pg.Pool;
let db: Database;
let workerDb: Database;
const writer = {
  by: 'key:default/tester',
  now: new Date(),
  secrets: createSecretBox([]),
  taskQueue: 'scheduler',
};

beforeAll(async () => {
  stack = await createStack('database-roles');
  const urls = await createDatabaseRoles(stack);
  [api, worker] = [urls.api, urls.worker].map((url) => new pg.Pool({ connectionString: url, max: 2 })) as [
    pg.Pool,
    pg.Pool,
  ];
  const open = (DATABASE_URL: string) =>
    createDatabase(
      readConfig({ DATABASE_URL, TEMPORAL_ADDRESS: '127.0.0.1:1' }),
      createLogger({ level: 'silent', name: 'test' }),
      'test',
    );
  [db, workerDb] = [open(urls.api), open(urls.worker)];
});
afterAll(async () => {
  await Promise.all([api.end(), worker.end(), db.destroy(), workerDb.destroy()]);
  await stack.stop();
});

const definition = (name: string) =>
  JobInput.parse({
    name,
    schedule: { every: '1h' },
    target: { type: 'http', url: 'https://example.com/' },
  }) as EvaluableInput;
const create = (on: Database, id = randomUUID()) =>
  storeNewJob(on, { id, namespace: 'default', definition: definition(id) }, writer);
const entriesOf = async (jobId: string) =>
  (
    await stack.db.query<{ by: string; action: string }>(
      'SELECT by, action FROM audit_log WHERE job_id = $1 ORDER BY id',
      [jobId],
    )
  ).rows;

describe('the audit log is append-only', () => {
  const CHANGES = {
    'an update': `UPDATE audit_log SET by = 'somebody else'`,
    'a deletion': `DELETE FROM audit_log`,
    'an insertion': `INSERT INTO audit_log (namespace, at, by, action, resource, resource_id, fields, details, source)
                     VALUES ('default', now(), 'x', 'created', 'job', gen_random_uuid(), '{}', '{}', '{}')`,
    'a truncation': `TRUNCATE audit_log`,
    'switching the triggers off': `ALTER TABLE audit_log DISABLE TRIGGER ALL`,
    'switching the writing off': `ALTER TABLE job_revisions DISABLE TRIGGER audited`,
    'switching all triggers off': `SET session_replication_role = replica`,
    'another writer': `CREATE OR REPLACE FUNCTION audit_revision() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
    'dropping it': `DROP TABLE audit_log`,
    'becoming the owner': `SET ROLE postgres`,
    'changing a revision': `UPDATE job_revisions SET by = 'somebody else'`,
    'deleting a revision': `DELETE FROM job_revisions`,
    'giving a key more rights': `UPDATE api_keys SET scopes = '{admin}'`,
    'deleting a key': `DELETE FROM api_keys`,
  };

  test.each(Object.entries(CHANGES))('for the API: %s is refused', async (_, statement) => {
    await create(db);
    await expect(api.query(statement)).rejects.toMatchObject({ code: '42501' });
  });

  test.each(Object.entries(CHANGES))('for the workers: %s is refused', async (_, statement) => {
    await create(db);
    await expect(worker.query(statement)).rejects.toMatchObject({ code: '42501' });
  });

  test.each(['an update', 'a deletion', 'a truncation'] as const)(
    'and for its owner, unless it switches the triggers off: %s is refused',
    async (change) => {
      await create(db);
      await expect(stack.db.query(CHANGES[change])).rejects.toThrow(/the audit log is append-only/);
    },
  );

  test('a temporary table cannot take its place', async () => {
    const client = await api.connect();
    await client.query('CREATE TEMPORARY TABLE audit_log (LIKE public.audit_log)');
    const id = randomUUID();
    const { rows } = await stack.db.query<{ columns: string }>(
      `SELECT string_agg(quote_ident(column_name), ', ') AS columns FROM information_schema.columns
       WHERE table_name = 'jobs' AND table_schema = 'public' AND column_name NOT IN ('id', 'name')`,
    );
    const columns = rows[0]?.columns ?? '';
    const { id: template } = await create(db);
    await client.query(
      `WITH made AS (INSERT INTO jobs (id, name, ${columns}) SELECT $1::uuid, $1::text, ${columns} FROM jobs WHERE id = $2)
       INSERT INTO job_revisions (job_id, generation, at, by, action, changes) VALUES ($1, 1, now(), 'x', 'created', '{}')`,
      [id, template],
    );
    client.release(true);
    expect(await entriesOf(id)).toEqual([{ by: 'x', action: 'created' }]);
  });
});

describe('no change without its entry, and no entry without its change', () => {
  test('a change that is rolled back has none', async () => {
    const id = randomUUID();
    const failing = db.transaction().execute(async (transaction) => {
      await create(transaction, id);
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    expect(await entriesOf(id)).toEqual([]);
  });

  test('a generation of a job without a revision is refused', async () => {
    const { id } = await create(db);
    const change = `UPDATE jobs SET generation = generation + 1 WHERE id = $1`;
    await expect(api.query(change, [id])).rejects.toThrow(`generation 2 of the job ${id} has no revision`);
    await expect(
      stack.db.query(
        `INSERT INTO jobs SELECT (jsonb_populate_record(job, jsonb_build_object('id', gen_random_uuid(), 'name', 'copy'))).*
         FROM jobs AS job WHERE id = $1`,
        [id],
      ),
    ).rejects.toThrow('has no revision');
  });

  test('what an older version or a person does with SQL has the role that did it', async () => {
    const { id } = await create(db);
    const { rows } = await api.query<{ id: string }>(
      `INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, state, workflow_id)
       VALUES (gen_random_uuid(), $1, 'default', 1, 'manual', now(), 'queued', 'none') RETURNING id`,
      [id],
    );
    await api.query('UPDATE runs SET cancel_requested_at = now() WHERE id = $1', [rows[0]?.id]);
    await api.query('DELETE FROM runs WHERE id = $1', [rows[0]?.id]).catch(() => undefined);
    await worker.query('DELETE FROM runs WHERE id = $1', [rows[0]?.id]);
    await worker.query('DELETE FROM jobs WHERE id = $1', [id]);
    expect(await entriesOf(id)).toEqual([
      { by: 'key:default/tester', action: 'created' },
      { by: 'database:scheduler_api', action: 'requested' },
      { by: 'database:scheduler_api', action: 'cancelled' },
      { by: 'refused by Temporal', action: 'withdrawn' },
    ]);
  });
});

/** Counts the statements that a query builder sends. */
function counting(on: Database): { counted: Database; count: () => number } {
  let sent = 0;
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => {
      sent++;
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  return { counted: on.withPlugin(plugin), count: () => sent };
}

test('the log costs no statement of its own', async () => {
  const creation = counting(db);
  const { id } = await create(creation.counted);
  expect(creation.count()).toBe(1);
  const change = counting(db);
  await storeJobChange(change.counted, { id }, writer, () => ({
    action: 'changed',
    definition: { ...definition(id), labels: { a: 'b' } },
  }));
  // Lock, change, revision.
  expect(change.count()).toBe(3);
  expect(await entriesOf(id)).toHaveLength(2);
});

test('every list reads along an index, however long the log is', async () => {
  await stack.db.query(
    `INSERT INTO audit_log (namespace, at, by, action, resource, resource_id, job_id, fields, details, source)
     SELECT 'namespace' || n % 3, now() - n * interval '1 s', 'key:' || n % 50, 'requested', 'run', gen_random_uuid(),
            md5((n / 3 % 10)::text)::uuid, '{}', '{}', '{}' FROM generate_series(1, 50000) AS n`,
  );
  await stack.db.query('ANALYZE audit_log');
  const filters: [index: string, filter: object][] = [
    ['audit_log_pkey', {}],
    [
      'audit_log_pkey',
      { since: new Date(Date.now() - 30_000_000), until: new Date(Date.now() - 20_000_000) },
    ],
    ['audit_log_by', { by: 'key:7' }],
    ['audit_log_resource', { resource: 'apiKey' }],
    ['audit_log_job', { jobId: 'c4ca4238-a0b9-2382-0dcc-509a6f75849b' }],
  ];
  for (const [index, filter] of filters)
    for (const after of [undefined, { at: new Date(Date.now() - 10_000_000), id: '5' }]) {
      const query = queryAuditRows(db, { namespace: 'namespace1', ...filter }, { after, limit: 51 });
      const plan = JSON.stringify(await query.explain('json'));
      expect({ filter, index: /"Index Name":"(\w+)"/.exec(plan)?.[1], sorts: plan.includes('Sort') }).toEqual(
        {
          filter,
          index,
          sorts: false,
        },
      );
    }
});

describe('retention', () => {
  /** Makes the entries of a job older, which only an owner without triggers can. */
  async function age(jobId: string, days: number): Promise<void> {
    const client = await stack.db.connect();
    await client.query('SET session_replication_role = replica');
    await client.query(`UPDATE audit_log SET at = at - make_interval(days => $2) WHERE job_id = $1`, [
      jobId,
      days,
    ]);
    await client.query('RESET session_replication_role');
    client.release();
  }
  const weekAgo = () => new Date(Date.now() - 7 * 86_400_000);

  test('entries about a job go with it and its revisions, and not before', async () => {
    const { id } = await create(db);
    await age(id, 100);
    await storeJobChange(db, { id }, writer, () => ({ action: 'deleted', isDeleted: true }));
    const remove = async () => {
      await removeOldTombstones(workerDb, weekAgo(), 100);
      await removeOldAuditEntries(workerDb, weekAgo(), 100);
      return entriesOf(id);
    };
    expect(await remove()).toHaveLength(2);
    await age(id, 8);
    await stack.db.query(
      `UPDATE jobs SET deleted_at = now() - interval '8 days', observed_generation = generation WHERE id = $1`,
      [id],
    );
    expect(await remove()).toEqual([]);
  });

  test('entries about runs go when runs do, and those about jobs that never came to be', async () => {
    const { id } = await create(db);
    await api.query(
      `INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, state, workflow_id)
       VALUES (gen_random_uuid(), $1, 'default', 1, 'manual', now(), 'queued', 'none')`,
      [id],
    );
    const gone = await create(db);
    await api.query('DELETE FROM jobs WHERE id = $1', [gone.id]);
    await removeOldAuditEntries(workerDb, new Date(), 100);
    expect([await entriesOf(id), await entriesOf(gone.id)]).toMatchObject([{ length: 2 }, { length: 2 }]);
    await Promise.all([age(id, 8), age(gone.id, 8)]);
    await removeOldAuditEntries(workerDb, weekAgo(), 100_000);
    expect(await entriesOf(id)).toEqual([{ by: 'key:default/tester', action: 'created' }]);
    expect(await entriesOf(gone.id)).toEqual([]);
  });
});

test('roles.sql knows every table', async () => {
  const { rows } = await stack.db.query(
    `SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'kysely_%'
       AND tablename NOT IN ('audit_log', 'api_keys', 'calendars', 'calendar_revisions')
       AND NOT has_table_privilege('scheduler_worker', format('%I.%I', schemaname, tablename), 'INSERT')`,
  );
  expect(rows).toEqual([]);
});
