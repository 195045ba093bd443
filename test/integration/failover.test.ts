import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { createDatabase } from '../../db/database.ts';
import { migrate } from '../../db/migrate.ts';
import { findPort } from '../../local/ports.ts';
import { readConfig } from '../../platform/config.ts';
import { createLogger } from '../../platform/logger.ts';
import { apiClient, request } from '../support/client.ts';
import { fromRunner } from '../support/environment.ts';
import { startNameServer, type NameServer } from '../support/name-server.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { startReplicatedPostgres, type ReplicatedPostgres } from '../support/replica.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

// A server fails, and its host says nothing any more: no FIN, no RST. Another one takes its place, and the processes go
// over to it, whether they were busy or idle.

/** The goal is 15 s after the new server is there; a busy machine gets some more. */
const BACK_WITHIN_MS = 60_000;

let stack: Stack;
beforeAll(async () => {
  stack = await createStack('failover');
});
afterAll(() => stack.stop());

interface Service {
  api: ServiceProcess;
  worker: ServiceProcess;
  stop: () => Promise<unknown>;
}

let count = 0;

async function startService(env: Record<string, string>): Promise<Service> {
  // A task queue of their own: the workers of one test are none of another's.
  const own = { ...env, TEMPORAL_TASK_QUEUE: `failover-${++count}` };
  const [api, worker] = await Promise.all([stack.startApi(own), stack.startWorker(own)]);
  return { api, worker, stop: () => Promise.all([api.stop(), worker.stop()]) };
}

const job = (name: string, schedule: object) => ({
  name,
  schedule,
  policy: { overlap: 'allowAll' },
  target: { type: 'http', url: `${stack.receiver.url}/failover` },
});

/** Keeps the API and the worker busy until it is told to stop. */
async function keepBusy({ api }: Service) {
  const client = apiClient(api.url);
  const jobs = await Promise.all(
    [1, 2, 3, 4].map((number) => client.createJob(job(`busy ${count} ${number}`, { every: '1s' }))),
  );
  await waitFor('a run', async () => {
    const { items } = await client.listRuns((jobs[0] as { id: string }).id, '?state=succeeded');
    return items.length > 0;
  });
  let isOver = false;
  const clients = Array.from({ length: 20 }, async (_, index) => {
    while (!isOver) {
      const { id } = jobs[index % jobs.length] as { id: string };
      if (index % 2) await request(`${api.url}/jobs`).catch(() => undefined);
      else
        await request(`${api.url}/jobs/${id}`, 'PATCH', { description: `${Date.now()}` }).catch(
          () => undefined,
        );
      await sleep(20);
    }
  });
  return async () => {
    isOver = true;
    await Promise.all([...clients, ...jobs.map(({ id }) => client.deleteJob(id))]);
  };
}

/** Waits until the API reads and writes, and the worker has run a job that was made after `since`. */
async function untilBack({ api, worker }: Service, since: number) {
  const name = `after ${since}`;
  const isBack = async () => {
    const ready = await request(`${api.url}/readyz`);
    const read = await request(`${api.url}/jobs`);
    return ready.status === 200 && read.status === 200;
  };
  await waitFor('the API to be ready', isBack, BACK_WITHIN_MS);
  const made = await waitFor(
    'a job to be accepted',
    async () => {
      const { status, body } = await request<{ id: string }>(
        `${api.url}/jobs`,
        'POST',
        job(name, { every: '1s' }),
      );
      return status === 201 ? body : undefined;
    },
    BACK_WITHIN_MS,
  );
  await waitFor(
    'a run of it',
    async () => {
      const { items } = await apiClient(api.url).listRuns(made.id, '?state=succeeded');
      return items.length > 0;
    },
    BACK_WITHIN_MS,
  );
  expect((await request(`${worker.url}/readyz`)).status).toBe(200);
  await apiClient(api.url).deleteJob(made.id);
}

describe('Postgres that fails over to its standby', () => {
  let postgres: ReplicatedPostgres;
  let proxy: Proxy;
  let other: Proxy;
  let names: NameServer;
  let env: Record<string, string>;
  const databaseUrl = (host: string, port: number) =>
    `postgres://postgres:postgres@${host}:${port}/scheduler`;

  async function connect(url: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return client;
  }

  /** A primary with its standby, and a proxy before each, at the same port of two addresses. */
  async function start(name: string) {
    postgres = await startReplicatedPostgres(name);
    const admin = await connect(postgres.primary.urlOf('postgres'));
    await admin.query('CREATE DATABASE scheduler');
    await admin.end();
    const port = await findPort(0);
    proxy = await startProxy(postgres.primary.port, { port });
    other = await startProxy(Number(new URL(postgres.replicaUrlOf('scheduler')).port), {
      port,
      host: '127.0.0.2',
    });
    names = await startNameServer('postgres.test', ['127.0.0.1']);
    env = {
      DATABASE_URL: databaseUrl('postgres.test', port),
      NODE_OPTIONS: `--import ${fileURLToPath(new URL('../support/ask-name-server.mjs', import.meta.url))}`,
      TEST_NAME_SERVER: names.address,
    };
    const config = readConfig({
      DATABASE_URL: databaseUrl('127.0.0.1', port),
      TEMPORAL_ADDRESS: fromRunner('temporalAddress'),
    });
    const db = createDatabase(config, createLogger({ level: 'warn', name: 'test' }), 'test');
    await migrate(db);
    await db.destroy();
  }

  async function stop() {
    await Promise.all([proxy?.stop(), other?.stop(), names?.stop()]);
    await postgres?.stop();
  }

  /** Fails over, once the standby has all that the primary has. Returns when the new primary took writes. */
  async function failOver(): Promise<number> {
    proxy.silence();
    names.addresses = ['127.0.0.2'];
    const [primary, standby] = await Promise.all([
      connect(postgres.primary.urlOf('scheduler')),
      connect(postgres.replicaUrlOf('scheduler')),
    ]);
    const { rows } = await primary.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
    await waitFor('the standby to have it all', async () => {
      const replayed = await standby.query<{ hasAll: boolean }>(
        'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS "hasAll"',
        [rows[0]?.lsn],
      );
      return replayed.rows[0]?.hasAll;
    });
    await standby.query('SELECT pg_promote(true)');
    await Promise.all([primary.end(), standby.end()]);
    return Date.now();
  }

  test.each(['busy', 'idle'])('gets processes back that were %s', async (how) => {
    await start(`failover-${how}`);
    const service = await startService(env);
    try {
      const stopBusy = how === 'busy' ? await keepBusy(service) : undefined;
      // The connections of a burst that nobody uses any more, each of which could keep a request.
      await Promise.all(
        Array.from({ length: 20 }, () => request(`${service.api.url}/jobs`).then(() => undefined)),
      );
      const since = await failOver();
      await untilBack(service, since);
      await stopBusy?.();
    } finally {
      await service.stop();
      await stop();
    }
  });
});
