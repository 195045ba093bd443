import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import pg from 'pg';
import { createDatabase } from '../../db/database.ts';
import { PREPARED } from '../../db/prepared-statements.ts';
import { readConfig } from '../../platform/config.ts';
import { createLogger } from '../../platform/logger.ts';
import type { Problem } from '../../api/rest/problem.ts';
import type { Job } from '../../domain/job/job.ts';
import type { RunEvent } from '../../domain/run/run-event.ts';
import type { Run } from '../../domain/run/run.ts';
import { apiClient, bearer, request } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { fromRunner } from '../support/environment.ts';
import { followRuns } from '../support/follow-runs.ts';
import { API_KEY_PEPPER, makeKey } from '../support/keys.ts';
import { startPgBouncer, type PgBouncer } from '../support/pgbouncer.ts';
import { lookAtSession, NOTHING_LEFT } from '../support/session-state.ts';
import { untilSynced } from '../support/job-state.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

// API and worker reach Postgres only through a pooler, which runs each transaction in any session.

/** Fewer than the pool size of one process. */
const POOL_SIZE = 8;

let stack: Stack;
let bouncer: PgBouncer;
let services: ServiceProcess[];
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('pgbouncer');
  const { databaseUrl } = stack;
  bouncer = await startPgBouncer({
    name: 'pgbouncer',
    databaseUrl,
    poolSize: POOL_SIZE,
    statementTimeoutMs: 10_000,
  });
  const env = { DATABASE_URL: bouncer.url };
  services = await Promise.all([
    stack.startApi(env),
    stack.startApi(env),
    stack.startWorker({ ...env, SWEEP_INTERVAL_SECONDS: '1', RUN_RETENTION_DAYS: '30' }),
  ]);
  api = apiClient(urlOf(0));
});
afterAll(async () => {
  await stack.stop();
  await bouncer?.stop();
});

const urlOf = (index: number) => (services[index] as ServiceProcess).url;
const never = { at: '2090-01-01T00:00:00Z' };
const job = (name: string, more: object = {}) => ({
  name,
  schedule: never,
  target: { type: 'http', url: `${stack.receiver.url}/${name}` },
  ...more,
});
const logOf = (file: string) => readFileSync(path.join(fromRunner('folder'), file), 'utf8');

describe('through PgBouncer in transaction mode', () => {
  test('jobs are created, changed, paused and deleted; one of two writers with the same ETag wins', async () => {
    const { id } = await api.createJob(job('changing'));
    const etag = (await request(`${urlOf(1)}/jobs/${id}`)).headers.get('etag') ?? '';
    const patches = await Promise.all(
      [0, 1].map((index) =>
        request<Job>(
          `${urlOf(index)}/jobs/${id}`,
          'PATCH',
          { labels: { writer: String(index) } },
          { 'if-match': etag, 'content-type': 'application/merge-patch+json' },
        ),
      ),
    );
    expect(patches.map(({ status }) => status).sort()).toEqual([200, 412]);
    expect((await api.pauseJob(id, { reason: 'for now' })).state).toBe('paused');
    await api.resumeJob(id);
    await untilSynced(api, id);
    const stale = await request<Problem>(`${urlOf(1)}/jobs/${id}`, 'DELETE', undefined, { 'if-match': etag });
    expect(stale.status).toBe(412);
    await api.deleteJob(id);
    expect((await request(`${urlOf(1)}/jobs/${id}`)).status).toBe(404);
    expect((await api.listRevisions(id)).items.map(({ action }) => action)).toEqual([
      'deleted',
      'resumed',
      'paused',
      'changed',
      'created',
    ]);
  });

  test('twenty requests with one Idempotency-Key create one job', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        request<Job>(`${urlOf(index % 2)}/jobs`, 'POST', job('once'), { 'idempotency-key': 'once-1' }),
      ),
    );
    for (const { status } of answers) expect([201, 409]).toContain(status);
    expect((await api.listJobs('?name=once')).items).toHaveLength(1);
  });

  test('limits hold, hooks are called, and a stream shows the end of every run', async () => {
    const held = { now: 0, most: 0 };
    stack.receiver.respond('/limited', (_, response) => {
      held.most = Math.max(held.most, ++held.now);
      setTimeout(() => {
        held.now--;
        response.statusCode = 500;
        response.end();
      }, 200);
    });
    const follower = await followRuns(`${urlOf(1)}/runs/stream`);
    const { id } = await api.createJob(
      job('limited', {
        policy: { maxConcurrent: 2 },
        retry: { maxAttempts: 1 },
      }),
    );
    const runs = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const answer = await request<Run>(`${urlOf(index % 2)}/jobs/${id}/run`, 'POST');
        expect(answer.status).toBe(202);
        return answer.body.id;
      }),
    );
    const ends = await Promise.all(runs.map((run) => endOfRun(api, run)));
    expect(new Set(ends.map(({ state }) => state))).toEqual(new Set(['failed']));
    expect(held.most).toBe(2);
    await waitFor('the stream to show the end of every run', () => {
      const seen = follower.events.map(({ data }) => data as RunEvent);
      return runs.every((run) => seen.some(({ runId, state }) => runId === run && state === 'failed'));
    });
    follower.close();

    const scheduled = await api.createJob({
      ...job('limited', { schedule: { every: '2s' }, retry: { maxAttempts: 1 } }),
      name: 'failing',
      onFailure: { target: { type: 'http', url: `${stack.receiver.url}/hook` } },
    });
    await waitFor('the call of the hook', () => stack.receiver.callsTo('/hook').length > 0);
    await api.deleteJob(scheduled.id);
  });

  test('the reconciler holds its lease, syncs jobs, and removes old rows', async () => {
    const { id } = await api.createJob(job('lost'));
    const handle = stack.temporal.schedule.getHandle(`scheduler-job-${id}`);
    await handle.delete();
    await stack.db.query(`UPDATE jobs SET schedule_put_at = now() - interval '10 min' WHERE id = $1`, [id]);
    await stack.db.query(
      `INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, ended_at, state, workflow_id)
       SELECT gen_random_uuid(), $1, 'default', 1, 'schedule', day, day, 'succeeded', 'w'
       FROM generate_series(timestamptz '2020-01-01Z', '2020-01-04Z', '1 day') AS day`,
      [id],
    );
    await waitFor('the schedule to be there again', () => handle.describe().catch(() => undefined));
    await waitFor('the old runs to be removed', async () => (await api.allRuns(id)).length === 0);
    const findLease = async () =>
      (
        await stack.db.query<{ holder: string | null; is_recent: boolean }>(
          `SELECT holder, passed_at > now() - interval '30 s' AS is_recent FROM reconciler`,
        )
      ).rows[0];
    // It is released between two passes.
    await waitFor('a holder of the lease', async () => (await findLease())?.holder);
    expect((await findLease())?.is_recent).toBe(true);
  });

  test('two processes share the rate limit of a client and the quota of a namespace', async () => {
    const env = {
      DATABASE_URL: bouncer.url,
      API_KEY_PEPPER,
      RATE_LIMIT_WRITES_PER_MINUTE: '20',
      MAX_JOBS_PER_NAMESPACE: '5',
    };
    const limited = await Promise.all([stack.startApi(env), stack.startApi(env)]);
    const key = await makeKey({ databaseUrl: bouncer.url }, 'pooled', 'jobs:write', 'pooled');
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        request(`${limited[index % 2]?.url}/jobs`, 'POST', job(`pooled-${index}`), bearer(key)),
      ),
    );
    const count = (wanted: number) => answers.filter(({ status }) => status === wanted).length;
    expect([count(201), count(409), count(429)]).toEqual([5, 15, 10]);
    await Promise.all(limited.map((service) => service.stop()));
  });

  test('many more connections than sessions work at the same time', async () => {
    const clients = Array.from({ length: 40 }, () => new pg.Client({ connectionString: bouncer.url }));
    await Promise.all(clients.map((client) => client.connect()));
    const answers = await Promise.all([
      ...clients.map(async (client) => (await client.query('SELECT 200 AS status')).rows[0] as object),
      ...Array.from({ length: 100 }, (_, index) => request(`${urlOf(index % 2)}/jobs`)),
    ]);
    for (const answer of answers) expect(answer).toMatchObject({ status: 200 });
    const ofDatabase = async (what: string) =>
      (await bouncer.show(what)).filter(
        ({ database }) => database === new URL(bouncer.url).pathname.slice(1),
      );
    expect((await ofDatabase('CLIENTS')).length).toBeGreaterThan(40 + POOL_SIZE);
    expect((await ofDatabase('SERVERS')).length).toBeLessThanOrEqual(POOL_SIZE);
    await Promise.all(clients.map((client) => client.end()));
  });

  test('no session keeps any state', async () => {
    const client = new pg.Client({ connectionString: bouncer.url });
    await client.connect();
    const seen = new Map<number, object>();
    const sessions = await bouncer.show('SERVERS');
    await waitFor('each session to be checked', async () => {
      const { pid, left } = await lookAtSession(client);
      seen.set(pid, left);
      return sessions.length > 1 && seen.size >= Math.min(sessions.length, POOL_SIZE);
    });
    await client.end();
    for (const left of seen.values()) expect(left).toEqual({ ...NOTHING_LEFT, timeout: '10s' });
  });
});

test('marked statements are prepared on direct connections to Postgres, and not through a pooler', async () => {
  const keptBy = async (url: string) => {
    const config = readConfig({ DATABASE_URL: url, DATABASE_POOL_SIZE: '1', TEMPORAL_ADDRESS: 'nowhere:1' });
    const db = createDatabase(config, createLogger({ level: 'silent', name: 'test' }), 'test');
    for (const number of [1, 2]) {
      const { rows } = await sql<{ number: number }>`${PREPARED} SELECT ${number}::integer AS number`.execute(
        db,
      );
      expect(rows).toEqual([{ number }]);
    }
    await sql`SELECT ${'unmarked'}::text`.execute(db);
    const { rows } = await sql<{ statement: string }>`SELECT statement FROM pg_prepared_statements`.execute(
      db,
    );
    await db.destroy();
    return rows.map(({ statement }) => statement.trim());
  };
  expect(await keptBy(stack.databaseUrl)).toEqual(['/* prepared */ SELECT $1::integer AS number']);
  expect(await keptBy(bouncer.url)).toEqual([]);
});

describe('the statement timeout', () => {
  test('is in force; if it is not set behind the pooler, the log warns', async () => {
    const { stop } = await stack.startApi({ DATABASE_URL: bouncer.urlWithoutTimeout });
    await stop();
    const warning = 'no statement timeout is in force';
    expect(logOf('pgbouncer-api-1.log')).not.toContain(warning);
    expect(logOf('pgbouncer-worker-3.log')).not.toContain(warning);
    expect(logOf('pgbouncer-api-6.log')).toContain(warning);
  });
});

describe('migrations', () => {
  const migrate = (databaseUrl: string) =>
    promisify(execFile)(process.execPath, ['dist/db/main.js'], {
      env: { PATH: process.env['PATH'], DATABASE_URL: databaseUrl },
    });

  test('fail through PgBouncer, whose sessions cannot hold their lock', async () => {
    await expect(migrate(bouncer.url)).rejects.toMatchObject({
      stdout: expect.stringContaining('unsupported startup parameter: options'),
    });
  });

  test('have no time limit, even if the role or the database has a timeout', async () => {
    const name = new URL(stack.databaseUrl).pathname.slice(1);
    await stack.db.query(`ALTER DATABASE ${name} SET statement_timeout = '1ms'`);
    expect((await migrate(stack.databaseUrl)).stdout).toContain('nothing to migrate');
    await stack.db.query(`ALTER DATABASE ${name} RESET statement_timeout`);
  });
});
