import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiClient, request } from '../support/client.ts';
import { fromRunner } from '../support/environment.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

// 1,000 jobs are created while Temporal cannot be reached. Half of them are due meanwhile.
const JOBS = 1_000;
const CLIENTS = 8;

let stack: Stack;
let proxy: Proxy;
let service: ServiceProcess;

beforeAll(async () => {
  stack = await createStack('temporal-away');
  const [, port] = fromRunner('temporalAddress').split(':');
  proxy = await startProxy(Number(port));
  const env = { TEMPORAL_ADDRESS: `127.0.0.1:${proxy.port}` };
  [service] = await Promise.all([stack.startApi(env), stack.startWorker(env), stack.startWorker(env)]);
});
afterAll(async () => {
  await stack.stop();
  await proxy.stop();
});

const count = async (what: string) => {
  const { rows } = await stack.db.query<{ count: string }>(`SELECT count(*) FROM ${what}`);
  return Number(rows[0]?.count);
};

test('jobs that are created without Temporal are accepted, and each occurrence has its run soon after Temporal is back', async () => {
  const api = apiClient(service.url);
  proxy.cut();
  await waitFor('the API to be degraded, and ready', async () => {
    const { status, body } = await request<{ status: string }>(`${service.url}/readyz`);
    return status === 200 && body.status === 'degraded';
  });

  const dueOf = (index: number) => (index % 2 === 0 ? 2_000 : 3_600_000 * 24);
  const begun = Date.now();
  const createSome = async (first: number) => {
    for (let index = first; index < JOBS; index += CLIENTS) {
      const at = new Date(Math.ceil((Date.now() + dueOf(index)) / 1_000) * 1_000).toISOString();
      const job = await api.createJob({
        name: `made-meanwhile-${index}`,
        schedule: { at },
        target: { type: 'http', url: `${stack.receiver.url}/${index}` },
      });
      expect(job.sync.state).toBe('pending');
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, first) => createSome(first)));
  // The circuit breaker lets one call in a while try Temporal. The others do not wait.
  expect(Date.now() - begun).toBeLessThan(120_000);
  await waitFor('the last job to be due', async () => (await count(DUE)) === JOBS / 2);
  expect(stack.receiver.calls).toHaveLength(0);

  proxy.restore();
  // This should start within ten seconds. A busy machine gets more.
  await waitFor('the first job to be synced', async () => (await count(UNSYNCED)) < JOBS, 20_000);
  await waitFor('all jobs to be synced', async () => (await count(UNSYNCED)) === 0, 180_000);
  await waitFor('all due jobs to have run', async () => (await count(SUCCEEDED)) === JOBS / 2, 180_000);

  expect(await count('runs')).toBe(JOBS / 2);
  const paths = stack.receiver.calls.map(({ path }) => path);
  expect(paths).toHaveLength(JOBS / 2);
  expect(new Set(paths).size).toBe(JOBS / 2);
  await waitFor('no unsynced job', async () => (await count(UNSYNCED)) === 0);
}, 600_000);

const DUE = `jobs WHERE finishes_at <= now()`;
// Not by their schedules: a job that has run and is completed has none any more.
const UNSYNCED = `jobs WHERE observed_generation <> generation`;
const SUCCEEDED = `runs WHERE state = 'succeeded'`;
