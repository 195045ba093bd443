import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Run } from '../../domain/run/run.ts';
import { apiClient, request } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let api: ReturnType<typeof apiClient>;
let url: string;
let worker: ServiceProcess;

beforeAll(async () => {
  stack = await createStack('cancel-and-retry');
  const [service] = await Promise.all([
    stack.startApi(),
    stack.startWorker().then((started) => (worker = started)),
  ]);
  url = service.url;
  api = apiClient(url);
});
afterAll(() => stack.stop());

const never = { at: '2090-01-01T00:00:00Z' };
const createJob = (name: string, more: object = {}) =>
  api.createJob({
    name,
    schedule: never,
    target: { type: 'http', url: `${stack.receiver.url}/${name}` },
    ...more,
  });
const cancel = (id: string) => request<Run>(`${url}/runs/${id}/cancel`, 'POST');
const retry = (id: string, key?: string) =>
  request<Run>(
    `${url}/runs/${id}/retry`,
    'POST',
    undefined,
    key === undefined ? {} : { 'idempotency-key': key },
  );

describe('cancelling', () => {
  test('aborts an in-flight call', async () => {
    let closed = false;
    stack.receiver.respond('/in-flight', (_, response) => void response.on('close', () => (closed = true)));
    const job = await createJob('in-flight');
    const { id } = await api.runJob(job.id);
    await waitFor('the call', () => stack.receiver.callsTo('/in-flight').length === 1);
    const answer = await cancel(id);
    expect(answer).toMatchObject({ status: 202, body: { id, cancelRequestedAt: expect.any(String) } });
    const run = await endOfRun(api, id);
    expect(run).toMatchObject({
      state: 'cancelled',
      reason: 'the run was cancelled',
      reasonCode: 'cancelled',
      attempts: [{ outcome: 'cancelled', error: 'the run was cancelled', retryAt: null }],
    });
    await waitFor('the connection to be closed', () => closed);
    const workflow = stack.temporal.workflow.getHandle(run.temporal.workflowId);
    await waitFor(
      'the workflow to be cancelled as well',
      async () => (await workflow.describe()).status.name === 'CANCELLED',
    );
    // A second request changes nothing.
    expect(await cancel(id)).toMatchObject({ status: 202, body: run });
  });

  test('between two attempts prevents the next one', async () => {
    stack.receiver.respond('/between', (_, response) => void response.writeHead(500).end());
    const job = await createJob('between', { retry: { initialInterval: '1h', maxInterval: '1h' } });
    const { id } = await api.runJob(job.id);
    await waitFor('the first attempt', async () => (await api.getRun(id)).attempts.length === 1);
    expect((await api.getRun(id)).attempts[0]?.retryAt).not.toBeNull();
    await cancel(id);
    expect(await endOfRun(api, id)).toMatchObject({ state: 'cancelled', attempts: [{ outcome: 'failed' }] });
    expect(stack.receiver.callsTo('/between')).toHaveLength(1);
  });

  test('works for a run that Temporal never started, and when the request never reached Temporal', async () => {
    const job = await createJob('unheard', { retry: { initialInterval: '2s', maxInterval: '2s' } });
    stack.receiver.respond('/unheard', (_, response) => void response.writeHead(500).end());
    const { id } = await api.runJob(job.id);
    await waitFor('the first attempt', async () => (await api.getRun(id)).attempts.length === 1);
    // As if the process had died between its write and its call to Temporal. The reconciler or the next attempt finds it.
    await stack.db.query('UPDATE runs SET cancel_requested_at = now() WHERE id = $1', [id]);
    expect(await endOfRun(api, id)).toMatchObject({ state: 'cancelled' });
    expect(stack.receiver.callsTo('/unheard').length).toBeLessThanOrEqual(2);

    const { rows } = await stack.db.query<{ id: string }>(
      `INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, state, workflow_id, check_at)
       SELECT gen_random_uuid(), id, namespace, 1, 'schedule', now(), 'queued', 'nobody-started-it', now() + interval '1 h'
       FROM jobs WHERE id = $1 RETURNING id`,
      [job.id],
    );
    expect(await cancel(rows[0]?.id ?? '')).toMatchObject({
      status: 202,
      body: { state: 'cancelled', startedAt: null, endedAt: expect.any(String) },
    });
  });

  test('wins over a failure at the same moment, and over the death of the worker', async () => {
    let answer: () => void = () => undefined;
    stack.receiver.respond('/dying', (_, response) => {
      answer = () => response.writeHead(500).end();
    });
    const job = await createJob('dying', { retry: { initialInterval: '1h', maxInterval: '1h' } });
    const first = await api.runJob(job.id);
    await waitFor('the call', () => stack.receiver.callsTo('/dying').length === 1);
    await cancel(first.id);
    answer();
    expect(await endOfRun(api, first.id)).toMatchObject({
      state: 'cancelled',
      reason: 'the run was cancelled',
      reasonCode: 'cancelled',
    });

    const second = await api.runJob(job.id);
    await waitFor('the call', () => stack.receiver.callsTo('/dying').length === 2);
    await worker.stop('SIGKILL');
    expect(await cancel(second.id)).toMatchObject({ status: 202, body: { state: 'running' } });
    worker = await stack.startWorker();
    expect(await endOfRun(api, second.id, 60_000)).toMatchObject({
      state: 'cancelled',
      reason: 'the run was cancelled',
      reasonCode: 'cancelled',
      attempts: [{ number: 1, outcome: 'lost', retryAt: null }],
    });
    expect(stack.receiver.callsTo('/dying')).toHaveLength(2);
  });

  test('keeps a run that waits for a worker from starting', async () => {
    await worker.stop();
    const job = await createJob('waiting');
    const { id } = await api.runJob(job.id);
    const { body } = await cancel(id);
    expect(body).toMatchObject({ state: 'cancelled', startedAt: null });
    worker = await stack.startWorker();
    const after = await api.runJob(job.id);
    await endOfRun(api, after.id);
    expect(await api.getRun(id)).toMatchObject({ state: 'cancelled', startedAt: null, attempts: [] });
    expect(stack.receiver.callsTo('/waiting')).toHaveLength(1);
  });

  test('is refused for a run that has ended, and for an unknown run', async () => {
    const job = await createJob('done');
    const run = await endOfRun(api, (await api.runJob(job.id)).id);
    expect(await cancel(run.id)).toMatchObject({ status: 409, body: { code: 'run_ended' } });
    expect(await cancel('019ab1c0-7e11-7cc3-98c4-dc0c0c07398f')).toMatchObject({ status: 404 });
    expect(await cancel('x')).toMatchObject({ status: 422 });
    expect(await api.getRun(run.id)).toEqual(run);
  });
});

describe('retrying a run', () => {
  test('creates a new run with the same nominal time and its own idempotency key', async () => {
    let status = 404;
    stack.receiver.respond('/mended', (_, response) => void response.writeHead(status).end());
    const job = await createJob('mended', { schedule: { every: '1s', maxRuns: 1 } });
    const failed = await waitFor('the run', async () =>
      (await api.allRuns(job.id)).find((run) => run.endedAt),
    );
    expect(failed).toMatchObject({ state: 'failed', trigger: 'schedule' });
    status = 200;
    const answer = await retry(failed.id);
    expect(answer).toMatchObject({
      status: 202,
      body: { trigger: 'retry', retryOf: failed.id, scheduledAt: failed.scheduledAt, state: 'queued' },
    });
    expect(answer.headers.get('location')).toBe(`/runs/${answer.body.id}`);
    expect(await endOfRun(api, answer.body.id)).toMatchObject({ state: 'succeeded' });
    const keys = stack.receiver.callsTo('/mended').map((call) => call.headers['idempotency-key']);
    expect(keys).toEqual([failed.id, answer.body.id]);
    const [first, second] = stack.receiver.callsTo('/mended');
    expect(second?.headers['x-scheduler-scheduled-at']).toBe(first?.headers['x-scheduler-scheduled-at']);
    expect(await api.getRun(failed.id)).toEqual(failed);
    // Of two runs with the same nominal time, the later one is the last run.
    expect((await api.getJob(job.id)).status.lastRun).toMatchObject({
      id: answer.body.id,
      state: 'succeeded',
    });
  });

  test('happens once per Idempotency-Key, and on every request without one', async () => {
    const job = await createJob('often');
    const { id } = await endOfRun(api, (await api.runJob(job.id)).id);
    const same = await Promise.all([retry(id, 'once'), retry(id, 'once')].map((answer) => answer));
    const made = same.filter((answer) => answer.status === 202).map((answer) => answer.body.id);
    expect(new Set(made).size).toBe(1);
    const others = await Promise.all([retry(id), retry(id)]);
    expect(new Set([...made, ...others.map((answer) => answer.body.id)]).size).toBe(3);
  });

  test('is refused for an open run, a deleted job and an unknown run', async () => {
    stack.receiver.respond('/open', () => undefined);
    const job = await createJob('open');
    const { id } = await api.runJob(job.id);
    expect(await retry(id)).toMatchObject({ status: 409, body: { code: 'run_under_way' } });
    await cancel(id);
    await endOfRun(api, id);
    await api.deleteJob(job.id);
    expect(await retry(id)).toMatchObject({ status: 409, body: { code: 'job_deleted' } });
    expect(await retry(job.id)).toMatchObject({ status: 404 });
  });
});
