import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Job } from '../../domain/job/job.ts';
import { apiClient, request } from '../support/client.ts';
import { startReverseProxy } from '../support/reverse-proxy.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

const CLIENTS = 4;
const TICKING = 3;

let stack: Stack;

beforeAll(async () => {
  stack = await createStack('rolling-restart');
});
afterAll(() => stack.stop());

async function restart(
  kind: 'api' | 'worker',
  service: ServiceProcess,
  env: Record<string, string>,
): Promise<ServiceProcess> {
  await service.stop('SIGTERM');
  const { code, signal, lastOutput } = await service.process.exited;
  expect({ kind, code, signal, lastOutput: code === 0 ? '' : lastOutput }).toEqual({
    kind,
    code: 0,
    signal: null,
    lastOutput: '',
  });
  return kind === 'api' ? stack.startApi(env) : stack.startWorker(env);
}

test('behind a proxy, a rolling restart fails no request, and neither loses nor duplicates a run', async () => {
  const apis = await Promise.all([stack.startApi(), stack.startApi()]);
  const workers = await Promise.all([stack.startWorker(), stack.startWorker()]);
  const urls = apis.map(({ url }) => url);
  const proxy = await startReverseProxy('rolling-restart', urls);
  let sent = 0;
  // Each request is sent once: if the proxy gets no answer, the test fails.
  const send = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
    sent++;
    return request<unknown>(`${proxy.url}${path}`, method, body, headers);
  };

  const ticking: Job[] = [];
  for (let index = 0; index < TICKING; index++) {
    const answer = await send('POST', '/jobs', {
      name: `tick ${index}`,
      schedule: { every: '1s' },
      target: { type: 'http', url: `${stack.receiver.url}/tick/${index}` },
      policy: { overlap: 'allowAll' },
    });
    expect(answer.status).toBe(201);
    ticking.push(answer.body as Job);
  }

  let isOver = false;
  const made: string[] = [];
  const lane = async (laneIndex: number) => {
    for (let round = 0; !isOver; round++) {
      const name = `lane ${laneIndex} round ${round}`;
      const definition = {
        name,
        schedule: { every: '1h' },
        target: { type: 'http', url: 'https://example.com/' },
      };
      const created = await send('POST', '/jobs', definition, {
        'idempotency-key': name.replaceAll(' ', '-'),
      });
      expect([created.status, (created.body as Job).name]).toEqual([201, name]);
      const { id } = created.body as Job;
      const patched = await send('PATCH', `/jobs/${id}`, { labels: { round: `${round}` } });
      expect([patched.status, (patched.body as Job).labels]).toEqual([200, { round: `${round}` }]);
      const read = await send('GET', `/jobs/${id}`);
      expect([read.status, read.headers.get('etag')]).toEqual([200, '"2"']);
      made.push(name);
    }
  };
  const load = Promise.all(Array.from({ length: CLIENTS }, (_, index) => lane(index)));
  // An error of the load is reported at the end, instead of ending the process.
  load.catch(() => undefined);
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 2; index++) {
      const port = new URL(urls[index] as string).port;
      apis[index] = await restart('api', apis[index] as ServiceProcess, { PORT: port });
      workers[index] = await restart('worker', workers[index] as ServiceProcess, {});
    }
  }
  isOver = true;
  await load;
  console.log(`${sent} requests through the proxy while four processes were restarted twice each, 0 failed`);

  // Each job was created once and changed once.
  const { rows } = await stack.db.query<{ name: string; generation: number }>(
    `SELECT name, generation FROM jobs WHERE name LIKE 'lane %'`,
  );
  expect(rows.map(({ name }) => name).sort()).toEqual(made.sort());
  expect(new Set(rows.map(({ generation }) => generation))).toEqual(new Set([2]));

  const api = apiClient(urls[0] as string);
  const until = Math.floor(Date.now() / 1_000) * 1_000;
  for (const [index, job] of ticking.entries()) {
    const since = Date.parse(job.createdAt);
    const isInRange = (at: string) => Date.parse(at) > since && Date.parse(at) <= until;
    const due = Math.floor(until / 1_000) - Math.floor(since / 1_000);
    const runs = await waitFor(`the ${due} runs of job ${index} to end`, async () => {
      const found = (await api.allRuns(job.id)).filter((run) => isInRange(run.scheduledAt));
      return found.length >= due && found.every((run) => run.endedAt !== null) ? found : undefined;
    });
    expect(runs).toHaveLength(due);
    expect(new Set(runs.map((run) => run.scheduledAt)).size).toBe(due);
    expect(new Set(runs.map((run) => `${run.trigger} ${run.state}`))).toEqual(
      new Set(['schedule succeeded']),
    );
    // The target saw each occurrence, with the key of its run.
    const calls = stack.receiver.callsTo(`/tick/${index}`).map(({ headers }) => ({
      at: String(headers['x-scheduler-scheduled-at']),
      key: String(headers['idempotency-key']),
    }));
    const called = new Set(calls.filter(({ at }) => isInRange(at)).map(({ at, key }) => `${at} ${key}`));
    expect([...called].sort()).toEqual(runs.map((run) => `${run.scheduledAt} ${run.id}`).sort());
    await api.deleteJob(job.id);
  }
  await proxy.stop();
});

const untilRefused = (url: string) =>
  waitFor('new connections to be refused', () =>
    fetch(`${url}/livez`, { headers: { connection: 'close' } }).then(
      () => false,
      () => true,
    ),
  );

test('a request in progress is answered when the API is stopped', async () => {
  const service = await stack.startApi();
  const { id } = await apiClient(service.url).createJob({
    name: 'in progress',
    schedule: { every: '1h' },
    target: { type: 'http', url: 'https://example.com/' },
  });
  const blocker = await stack.db.connect();
  await blocker.query('BEGIN');
  await blocker.query('SELECT FROM jobs WHERE id = $1 FOR UPDATE', [id]);
  const answer = request<Job>(`${service.url}/jobs/${id}`, 'PATCH', { labels: { a: 'b' } });
  await waitFor('the request to wait for the row', async () => {
    const { rows } = await stack.db.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return rows.length > 0;
  });
  service.process.child.kill('SIGTERM');
  await untilRefused(service.url);
  await blocker.query('COMMIT');
  blocker.release();
  const { status, headers, body } = await answer;
  expect([status, headers.get('connection'), body.labels]).toEqual([200, 'close', { a: 'b' }]);
  expect(body.sync.state).toBe('synced');
  expect((await service.process.exited).code).toBe(0);
});

test('an open connection gets one more answer when the API is stopped, with Connection: close', async () => {
  const service = await stack.startApi();
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  await new Promise((resolve) => socket.once('connect', resolve));
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => (text += part));
  const closed = new Promise((resolve) => socket.once('close', resolve));

  service.process.child.kill('SIGTERM');
  await untilRefused(service.url);
  socket.write('GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await closed;
  expect(text).toMatch(/^HTTP\/1\.1 503 /);
  expect(text).toMatch(/\r\nConnection: close\r\n/i);
  expect(text).toContain('"status":"stopping"');
  expect((await service.process.exited).code).toBe(0);
});
