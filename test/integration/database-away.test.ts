import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiClient, request } from '../support/client.ts';
import { startProxy } from '../support/proxy.ts';
import { untilSynced } from '../support/job-state.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;

beforeAll(async () => {
  stack = await createStack('database-away');
});
afterAll(() => stack.stop());

const NOBODY = '127.0.0.1:1';

test('without Temporal a job is accepted as pending, and a worker syncs it later', async () => {
  const cutOff = await stack.startApi({ TEMPORAL_ADDRESS: NOBODY });
  const api = apiClient(cutOff.url);
  expect((await request(`${cutOff.url}/readyz`)).body).toEqual({
    status: 'degraded',
    postgres: 'up',
    temporal: 'down',
  });

  const target = { type: 'http', url: `${stack.receiver.url}/later` };
  const job = await api.createJob({ name: 'accepted', schedule: { every: '1s' }, target });
  expect(job.sync).toMatchObject({ state: 'pending', generation: 1, observedGeneration: 0, error: null });
  const queued = await api.runJob(job.id);
  expect(queued).toMatchObject({ state: 'queued', trigger: 'manual' });

  await stack.startWorker();
  await untilSynced(api, job.id);
  await waitFor('a run of the schedule', async () =>
    (await api.listRuns(job.id)).items.some((run) => run.trigger === 'schedule' && run.state === 'succeeded'),
  );
  await waitFor('the run by hand', async () => (await api.getRun(queued.id)).state === 'succeeded');

  await api.deleteJob(job.id);
  await waitFor('the schedule to be gone', async () =>
    stack.temporal.schedule
      .getHandle(`scheduler-job-${job.id}`)
      .describe()
      .then(
        () => false,
        () => true,
      ),
  );
});

test('without Postgres the API answers 503 with Retry-After, stays alive, and recovers', async () => {
  const direct = new URL(stack.databaseUrl);
  const proxy = await startProxy(Number(direct.port));
  direct.port = String(proxy.port);
  const service = await stack.startApi({ DATABASE_URL: direct.href });
  proxy.cut();
  const away = await waitFor('a 503', async () => {
    const answer = await request<{ code: string }>(`${service.url}/jobs`);
    return answer.status === 503 ? answer : undefined;
  });
  expect([away.body.code, away.headers.get('retry-after')]).toEqual(['unavailable', '2']);
  const post = await request<{ code: string }>(`${service.url}/jobs`, 'POST', {
    name: 'lost?',
    schedule: { every: '5m' },
    target: { type: 'http', url: 'https://example.com' },
  });
  expect(post.status).toBe(503);
  expect((await request(`${service.url}/readyz`)).status).toBe(503);
  expect((await request(`${service.url}/livez`)).status).toBe(200);
  proxy.restore();
  await waitFor('the API to recover', async () => (await request(`${service.url}/jobs`)).status === 200);
  await waitFor(
    'the API to be ready',
    async () => (await request<{ status: string }>(`${service.url}/readyz`)).body.status === 'ready',
  );
  await service.stop();
  await proxy.stop();
});

test('a call whose record failed is recorded later and not repeated, even if its worker dies', async () => {
  const api = apiClient((await stack.startApi()).url);
  const direct = new URL(stack.databaseUrl);
  const proxy = await startProxy(Number(direct.port));
  direct.port = String(proxy.port);
  const taskQueue = 'record-away';
  const worker = await stack.startWorker({ DATABASE_URL: direct.href, TEMPORAL_TASK_QUEUE: taskQueue });
  const queued = await stack.startApi({ TEMPORAL_TASK_QUEUE: taskQueue });
  stack.receiver.respond('/unrecorded', (_, response) => {
    proxy.cut();
    response.end('ok');
  });
  const job = await api.createJob({
    name: 'unrecorded',
    schedule: { at: '2090-01-01T00:00:00Z' },
    target: { type: 'http', url: `${stack.receiver.url}/unrecorded` },
    // So that the activity makes its call. local-calls.test.ts covers local activities.
    timeout: '1h',
  });
  const { id } = await apiClient(queued.url).runJob(job.id);
  await waitFor('Temporal to hold the outcome', async () => {
    const { raw } = await stack.temporal.workflow.getHandle(`scheduler-run-${id}`).describe();
    const [activity] = raw.pendingActivities ?? [];
    return (activity?.attempt ?? 0) >= 2 && activity?.heartbeatDetails?.payloads?.length;
  });
  expect(await api.getRun(id)).toMatchObject({ state: 'running', attempts: [] });
  // Another worker gets the outcome from Temporal.
  await worker.stop('SIGKILL');
  await stack.startWorker({ TEMPORAL_TASK_QUEUE: taskQueue });
  await waitFor('the record', async () => (await api.getRun(id)).state === 'succeeded');
  expect((await api.getRun(id)).attempts).toMatchObject([{ number: 1, statusCode: 200 }]);
  expect(stack.receiver.callsTo('/unrecorded')).toHaveLength(1);
  await proxy.stop();
});
