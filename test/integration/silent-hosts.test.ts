import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { createDatabase, type Database } from '../../db/database.ts';
import { lockScope } from '../../db/runs/permits.ts';
import { isDatabaseUnavailable } from '../../db/unavailable.ts';
import { readConfig } from '../../platform/config.ts';
import { createLogger } from '../../platform/logger.ts';
import { apiClient, request } from '../support/client.ts';
import { fromRunner } from '../support/environment.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

// A host that loses its power or its network says nothing: no FIN, no RST. Its peers wait for answers that never come.

/** Postgres gives back the locks of a transaction whose client is silent after 10 s; an answer is waited for for 12 s. */
const BACK_WITHIN_MS = 30_000;

let stack: Stack;
let proxy: Proxy;
let throughProxy: string;
const databases: Database[] = [];

beforeAll(async () => {
  stack = await createStack('silent-hosts');
});
afterAll(() => stack.stop());

beforeAll(async () => {
  const url = new URL(stack.databaseUrl);
  proxy = await startProxy(Number(url.port));
  url.port = String(proxy.port);
  throughProxy = url.href;
});
afterEach(() => {
  proxy.silence();
  // What is silent can't be waited for.
  for (const db of databases.splice(0)) void db.destroy();
});
afterAll(() => proxy.stop());

function open(databaseUrl: string): Database {
  const env = { DATABASE_URL: databaseUrl, TEMPORAL_ADDRESS: fromRunner('temporalAddress') };
  const db = createDatabase(readConfig(env), createLogger({ level: 'silent', name: 'test' }), 'test');
  databases.push(db);
  return db;
}

/** Begins a transaction in which `work` takes locks, then loses the network. Resolves once it holds them, with how it ends. */
async function vanishWithin(work: (transaction: Database) => Promise<unknown>) {
  let end: Promise<unknown> | undefined;
  await new Promise<void>((holds, fails) => {
    end = open(throughProxy)
      .transaction()
      .execute(async (transaction) => {
        await work(transaction);
        proxy.silence();
        holds();
        await sql`SELECT 1`.execute(transaction);
      })
      .catch((error: unknown) => {
        fails(new Error('it could not begin', { cause: error }));
        return error;
      });
  });
  return { end };
}

const waited = async (work: Promise<unknown>) => {
  const began = performance.now();
  await work;
  return performance.now() - began;
};

describe('a host that vanishes within a transaction', () => {
  test('does not keep the lock of a concurrency key', async () => {
    const { end } = await vanishWithin((transaction) => lockScope(transaction, 'shared'));
    const other = open(stack.databaseUrl);
    const tookMs = await waited(
      waitFor(
        'the lock',
        () =>
          other
            .transaction()
            .execute((transaction) => lockScope(transaction, 'shared'))
            .then(
              () => true,
              () => false,
            ),
        BACK_WITHIN_MS,
      ),
    );
    expect(tookMs).toBeLessThan(BACK_WITHIN_MS);
    // And where it is not the host that vanished but the network between, the other side does not wait for ever either.
    expect(isDatabaseUnavailable(await end)).toBe(true);
  });

  test('does not keep a job from being changed', async () => {
    const { url } = await stack.startApi();
    const api = apiClient(url);
    const target = { type: 'http', url: `${stack.receiver.url}/never` };
    const { id } = await api.createJob({ name: 'locked', schedule: { cron: '0 0 1 1 *' }, target });
    const { end } = await vanishWithin((transaction) =>
      sql`SELECT FROM jobs WHERE id = ${id} FOR UPDATE`.execute(transaction),
    );
    await waitFor(
      'the change',
      async () => (await request(`${url}/jobs/${id}`, 'PATCH', { description: 'changed' })).status === 200,
      BACK_WITHIN_MS,
    );
    expect(isDatabaseUnavailable(await end)).toBe(true);
  });
});

describe('Postgres that moves to another host, while the connections to the old one stay silent', () => {
  test('gets a busy API back, and a busy worker', async () => {
    const { url } = await stack.startApi({ DATABASE_URL: throughProxy });
    const worker = await stack.startWorker({ DATABASE_URL: throughProxy });
    const api = apiClient(url);
    const target = { type: 'http', url: `${stack.receiver.url}/busy` };
    const job = await api.createJob({ name: 'busy', schedule: { every: '1s' }, target });
    await waitFor('a run', async () => (await api.listRuns(job.id, '?state=succeeded')).items.length > 0);

    const requests = Array.from({ length: 40 }, () => request(`${url}/jobs`).catch(() => undefined));
    proxy.silence();
    const since = new Date();
    const more = Array.from({ length: 40 }, () => request(`${url}/jobs`).catch(() => undefined));
    const back = waitFor(
      'the API to be ready',
      async () =>
        (await request(`${url}/readyz`).catch(() => undefined))?.status === 200 &&
        (await request(`${url}/jobs`).catch(() => undefined))?.status === 200,
      BACK_WITHIN_MS,
    );
    await back;
    await waitFor(
      'a run after it',
      async () =>
        (await api.listRuns(job.id, '?state=succeeded')).items.some(
          ({ startedAt }) => startedAt !== null && new Date(startedAt) > since,
        ),
      BACK_WITHIN_MS,
    );
    await Promise.all([...requests, ...more]);
    await worker.stop();
  });
});
