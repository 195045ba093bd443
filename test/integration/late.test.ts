import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { Job } from '../../domain/job/job.ts';
import type { Run } from '../../domain/run/run.ts';
import { apiClient, request, type Page } from '../support/client.ts';
import { fromRunner, TEMPLATE_DATABASE } from '../support/environment.ts';
import { parseMetrics } from '../support/parse-metrics.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import {
  createStack,
  createTestDatabase,
  SECRET_KEYS,
  startServiceProcess,
  type ServiceProcess,
  type Stack,
} from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

// Jobs that are late. Two installations wait for it at the same time: one whose Temporal is away, and one without workers.

let stack: Stack;
let proxy: Proxy;

beforeAll(async () => {
  stack = await createStack('late');
  const [, port] = fromRunner('temporalAddress').split(':');
  proxy = await startProxy(Number(port));
});
afterAll(async () => {
  await stack.stop();
  await proxy.stop();
});

const far = { at: '2090-01-01T00:00:00Z' };
const soon = () => ({ at: new Date(Date.now() + 3 * SECOND_MS).toISOString() });

const definition = (name: string, schedule: object, onLate: object) => ({
  name,
  schedule,
  target: { type: 'http', url: `${stack.receiver.url}/target` },
  onLate: { ...onLate, target: hook(name, 'late'), retry: { initialInterval: '1s' } },
  onTime: { target: hook(name, 'on-time') },
});
const hook = (name: string, event: string) => ({
  type: 'http',
  url: `${stack.receiver.url}/${name}/${event}`,
  headers: { 'x-secret': { secret: 'of the hook' } },
});
const callsOf = (name: string, event: string) => stack.receiver.callsTo(`/${name}/${event}`);

const lateNames = async (url: string, late: boolean) => {
  const { body } = await request<Page<Job>>(`${url}/jobs?late=${late}`);
  return body.items.map(({ name }) => name).sort();
};

test.concurrent(
  'with Temporal away, a worker calls each hook once; the recovery is called once',
  async () => {
    const env = {
      TEMPORAL_ADDRESS: `127.0.0.1:${proxy.port}`,
      HEARTBEAT_URL: `${stack.receiver.url}/heartbeat?key=secret`,
    };
    const [service, worker] = await Promise.all([
      stack.startApi(env),
      stack.startWorker(env),
      stack.startWorker(env),
    ]);
    const api = apiClient(service.url);
    await waitFor('a heartbeat', () => stack.receiver.callsTo('/heartbeat?key=secret')[0]);
    proxy.cut();
    // The first attempt fails, and another one follows.
    let count = 0;
    stack.receiver.respond('/a-silent/late', (_, response) => {
      response.statusCode = ++count === 1 ? 503 : 200;
      response.end();
    });
    const [silent] = await Promise.all([
      api.createJob(definition('a-silent', far, { noSuccessFor: '1m' })),
      api.createJob(definition('a-unstarted', soon(), { startWithin: '1m' })),
      api.createJob(definition('a-patient', far, { noSuccessFor: '2h' })),
      api
        .createJob(definition('a-paused', far, { noSuccessFor: '1m' }))
        .then(({ id }) => api.pauseJob(id, { reason: 'not now' })),
    ]);
    await waitFor(
      'both calls',
      () => callsOf('a-silent', 'late')[0] && callsOf('a-unstarted', 'late')[0],
      130_000,
    );
    expect(await lateNames(service.url, true)).toEqual(['a-silent', 'a-unstarted']);
    expect(await lateNames(service.url, false)).toEqual(['a-patient', 'a-paused']);
    // Its workflow goes on where the worker began without one.
    proxy.restore();
    await waitFor('another attempt', () => callsOf('a-silent', 'late')[1]);
    const [first, second] = callsOf('a-silent', 'late');
    expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key']);
    expect(second?.headers['x-secret']).toBe('of the hook');
    expect(JSON.parse(second?.body ?? '')).toMatchObject({
      event: 'job.late',
      job: { id: silent.id, name: 'a-silent' },
      late: { condition: 'noSuccessFor', scheduledAt: null },
    });
    const run = await waitFor('its record', async () => {
      const { items } = await api.listRuns(silent.id, '?trigger=onLate');
      return items.find(({ state }) => state === 'succeeded');
    });
    expect(run).toMatchObject({ cause: null, late: { condition: 'noSuccessFor' } });
    expect(run.attempts.map(({ outcome }) => outcome)).toEqual(['failed', 'succeeded']);

    await waitFor('the metric', async () => {
      const text = await (await fetch(`${worker.url}/metrics`)).text();
      return (parseMetrics(text).value('scheduler_jobs_late') ?? 0) >= 1;
    });
    await api.runJob(silent.id);
    await waitFor('the recovery', () => callsOf('a-silent', 'on-time')[0]);
    expect((await api.getJob(silent.id)).status.late).toBeNull();
    expect(callsOf('a-silent', 'late')).toHaveLength(2);
    expect(callsOf('a-unstarted', 'late')).toHaveLength(1);
    expect(callsOf('a-silent', 'on-time')).toHaveLength(1);
    expect(callsOf('a-paused', 'late')).toHaveLength(0);
    const beats = stack.receiver.callsTo('/heartbeat?key=secret').map(({ at }) => at);
    for (const [index, at] of beats.entries())
      expect(at - (beats[index - 1] ?? 0)).toBeGreaterThan(50 * SECOND_MS);
  },
  240_000,
);

test.concurrent('without any worker, one of two APIs calls each hook once', async () => {
  const { databaseUrl, dropDatabase } = await createTestDatabase('late-no-worker', TEMPLATE_DATABASE);
  const env = {
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: fromRunner('temporalAddress'),
    TEMPORAL_NAMESPACE: 'late',
    TEMPORAL_TASK_QUEUE: 'late-no-worker',
    HTTP_TARGET_ALLOW: '127.0.0.1',
    SECRET_KEYS,
  };
  const start = (number: number) =>
    startServiceProcess('api', path.join(fromRunner('folder'), `late-no-worker-${number}.log`), env);
  const apis: ServiceProcess[] = await Promise.all([start(1), start(2)]);
  const url = apis[0]?.url ?? '';
  try {
    const api = apiClient(url);
    const job = await api.createJob(definition('b-unstarted', soon(), { startWithin: '1m' }));
    const gone = await api.createJob(
      definition('b-deleted', soon(), { startWithin: '1m', noSuccessFor: '1m' }),
    );
    await api.createJob(definition('b-silent', far, { noSuccessFor: '1m' }));
    await api.deleteJob(gone.id);
    await waitFor('both calls', () => callsOf('b-unstarted', 'late')[0] && callsOf('b-silent', 'late')[0]);
    expect(await lateNames(url, true)).toEqual(['b-silent', 'b-unstarted']);
    expect((await api.getJob(job.id)).status.late).toMatchObject({ condition: 'startWithin' });
    const run = await waitFor('its record', async () => {
      const { body } = await request<Page<Run>>(`${url}/jobs/${job.id}/runs?trigger=onLate&state=succeeded`);
      return body.items[0];
    });
    expect(run.attempts).toHaveLength(1);
    // Two more rounds of either API.
    const until = Date.now() + 12 * SECOND_MS;
    await waitFor('two more rounds', () => Date.now() > until);
    for (const [name, calls] of [
      ['b-unstarted', 1],
      ['b-silent', 1],
      ['b-deleted', 0],
    ] as const)
      expect([name, callsOf(name, 'late').length]).toEqual([name, calls]);
  } finally {
    await Promise.all(apis.map((service) => service.stop()));
    await dropDatabase();
  }
});

test.concurrent.each([
  ['no condition', { onLate: {} }, 'onLate'],
  ['a startWithin under a minute', { onLate: { startWithin: '59s' } }, 'onLate.startWithin'],
  ['a startWithin longer than the interval', { onLate: { startWithin: '6m' } }, 'onLate.startWithin'],
  [
    'a finishWithin shorter than startWithin',
    { onLate: { startWithin: '2m', finishWithin: '1m' } },
    'onLate.finishWithin',
  ],
  ['too many skipped', { onLate: { skippedInARow: 1_001 } }, 'onLate.skippedInARow'],
])('%s is refused', async (_, { onLate }, field) => {
  const service = await refusing();
  const body = { ...definition('refused', { every: '5m' }, onLate) };
  const { status, body: problem } = await request<{ errors: { path: string }[] }>(
    `${service.url}/jobs`,
    'POST',
    body,
  );
  expect(status).toBe(422);
  expect(problem.errors.map(({ path: faulty }) => faulty)).toEqual([field]);
});

let refuser: Promise<ServiceProcess> | undefined;
const refusing = () => (refuser ??= stack.startApi());
