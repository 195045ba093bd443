import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Run } from '../../domain/run/run.ts';
import { findPort } from '../../local/ports.ts';
import { apiClient } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { untilSynced } from '../support/job-state.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('runs');
  const [service] = await Promise.all([
    stack.startApi({ TEMPORAL_UI_URL: 'http://ui.example:8233/' }),
    stack.startWorker(),
  ]);
  api = apiClient(service.url);
});
afterAll(() => stack.stop());

const never = { at: '2090-01-01T00:00:00Z' };
const target = (path: string, more: object = {}) => ({
  type: 'http',
  url: stack.receiver.url + path,
  ...more,
});
const quickRetry = (maxAttempts: number) => ({ maxAttempts, initialInterval: '100ms', maxInterval: '100ms' });

const ended = (run: Run) => run.endedAt !== null;
const endOf = (runId: string) => endOfRun(api, runId);

describe('a schedule', () => {
  test.concurrent('at: fires once, at its instant, with the headers of a run', async () => {
    const at = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 2_000).toISOString();
    const job = await api.createJob({
      name: 'once',
      schedule: { at },
      target: target('/once', { body: { hello: 'world' } }),
    });
    const [run] = await waitFor('the run', async () => {
      const { items } = await api.listRuns(job.id);
      return items.some(ended) ? items : undefined;
    });
    const [call] = stack.receiver.callsTo('/once');
    expect(run).toMatchObject({
      jobId: job.id,
      jobGeneration: 1,
      trigger: 'schedule',
      scheduledAt: at.replace('.000Z', 'Z'),
      state: 'succeeded',
      reason: null,
      attempts: [{ number: 1, outcome: 'succeeded', statusCode: 200, error: null, responseExcerpt: 'ok' }],
    });
    expect(call).toMatchObject({ method: 'POST', body: '{"hello":"world"}' });
    expect(call?.headers).toMatchObject({
      'content-type': 'application/json',
      'idempotency-key': run?.id,
      'x-scheduler-job': job.id,
      'x-scheduler-run': run?.id,
      'x-scheduler-scheduled-at': at.replace('.000Z', 'Z'),
      'x-scheduler-attempt': '1',
      'x-scheduler-fencing-token': expect.stringMatching(/^\d{16}$/),
    });
    expect(call?.at).toBeGreaterThanOrEqual(Date.parse(at));
    expect((await api.getJob(job.id)).status).toMatchObject({
      nextRunAt: null,
      lastRun: { id: run?.id, state: 'succeeded' },
    });
    expect(stack.receiver.callsTo('/once')).toHaveLength(1);
  });

  test.concurrent('every and cron: each occurrence has one run, at its nominal time', async () => {
    const every = await api.createJob({ name: 'every', schedule: { every: '2s' }, target: target('/every') });
    const cron = await api.createJob({
      name: 'cron',
      schedule: { cron: '* * * * *' },
      target: target('/cron'),
    });
    await waitFor('five runs', async () => (await api.listRuns(every.id)).items.filter(ended).length >= 5);
    await waitFor(
      'a run of the cron job',
      async () => (await api.listRuns(cron.id)).items.some(ended),
      90_000,
    );
    await api.deleteJob(every.id);
    await api.deleteJob(cron.id);
    const { rows } = await stack.db.query<{ job_id: string; scheduled_at: Date; state: string }>(
      'SELECT job_id, scheduled_at, state FROM runs WHERE job_id = ANY($1) ORDER BY scheduled_at',
      [[every.id, cron.id]],
    );
    const times = rows.filter((row) => row.job_id === every.id).map((row) => row.scheduled_at.getTime());
    expect(times).toEqual(times.map((_, index) => (times[0] as number) + index * 2_000));
    expect((times[0] as number) % 2_000).toBe(0);
    for (const row of rows.filter(({ job_id }) => job_id === cron.id))
      expect(row.scheduled_at.getTime() % 60_000).toBe(0);
  });
});

describe('a run', () => {
  test.concurrent(
    'that is requested ten times at once runs ten times, and Temporal lists it by the name of the job',
    async () => {
      const job = await api.createJob({ name: 'by hand', schedule: never, target: target('/by-hand') });
      const asked = await Promise.all(Array.from({ length: 10 }, () => api.runJob(job.id)));
      expect(asked[0]).toMatchObject({ trigger: 'manual', state: 'queued', startedAt: null, attempts: [] });
      for (const { id } of asked)
        expect(await endOf(id)).toMatchObject({ state: 'succeeded', trigger: 'manual' });
      expect(
        new Set(stack.receiver.callsTo('/by-hand').map((call) => call.headers['idempotency-key'])).size,
      ).toBe(10);
      await waitFor('the list of workflows', async () => {
        const found: string[] = [];
        for await (const workflow of stack.temporal.workflow.list({ query: 'JobName = "by hand"' }))
          found.push(workflow.workflowId);
        return found.length === 10;
      });
      const run = await api.getRun(asked[0]?.id ?? '');
      expect(run.temporal.url).toBe(
        `http://ui.example:8233/namespaces/runs/workflows/scheduler-run-${run.id}/${run.temporal.runId}/history`,
      );
      const description = await stack.temporal.workflow.getHandle(run.temporal.workflowId).describe();
      expect(description.status.name).toBe('COMPLETED');
      expect(await description.staticSummary()).toBe('by hand');
    },
  );

  test.concurrent(
    'is retried after a 500, with the same idempotency key and the next attempt number',
    async () => {
      let answers = 0;
      stack.receiver.respond('/flaky', (_, response) => {
        response.statusCode = ++answers < 3 ? 500 : 200;
        response.end(`answer ${answers}`);
      });
      const job = await api.createJob({
        name: 'flaky',
        schedule: never,
        target: target('/flaky'),
        retry: quickRetry(5),
      });
      const run = await endOf((await api.runJob(job.id)).id);
      expect(run.state).toBe('succeeded');
      expect(
        run.attempts.map(({ number, outcome, statusCode, responseExcerpt }) => [
          number,
          outcome,
          statusCode,
          responseExcerpt,
        ]),
      ).toEqual([
        [1, 'failed', 500, 'answer 1'],
        [2, 'failed', 500, 'answer 2'],
        [3, 'succeeded', 200, 'answer 3'],
      ]);
      const calls = stack.receiver.callsTo('/flaky');
      expect(calls.map((call) => call.headers['x-scheduler-attempt'])).toEqual(['1', '2', '3']);
      const tokens = calls.map((call) => Number(call.headers['x-scheduler-fencing-token']));
      expect(tokens).toEqual([...new Set(tokens)].sort((one, other) => one - other));
      expect(new Set(calls.map((call) => call.headers['idempotency-key']))).toEqual(new Set([run.id]));
    },
  );

  test.concurrent('fails after its last attempt, in Postgres and in Temporal', async () => {
    stack.receiver.respond('/broken', (_, response) => {
      response.statusCode = 503;
      response.end();
    });
    const job = await api.createJob({
      name: 'broken',
      schedule: never,
      target: target('/broken'),
      retry: quickRetry(3),
    });
    const run = await endOf((await api.runJob(job.id)).id);
    expect(run).toMatchObject({ state: 'failed', reason: 'the target answered 503' });
    expect(run.attempts).toHaveLength(3);
    expect(stack.receiver.callsTo('/broken')).toHaveLength(3);
    const failed = waitFor('the failed workflow', async () => {
      const { status } = await stack.temporal.workflow.getHandle(run.temporal.workflowId).describe();
      return status.name === 'FAILED';
    });
    await failed;
  });

  test.concurrent.each<[string, number, string]>([
    ['a 404 is final', 404, 'the target answered 404'],
    ['a redirect is not followed, and final', 302, 'the target answered 302'],
  ])('%s', async (name, status, reason) => {
    const path = `/final-${status}`;
    stack.receiver.respond(path, (_, response) => {
      response.writeHead(status, { location: `${stack.receiver.url}/elsewhere` });
      response.end();
    });
    const job = await api.createJob({ name, schedule: never, target: target(path), retry: quickRetry(5) });
    expect(await endOf((await api.runJob(job.id)).id)).toMatchObject({
      state: 'failed',
      reason,
      attempts: [{ statusCode: status }],
    });
    expect(stack.receiver.callsTo('/elsewhere')).toHaveLength(0);
  });

  test.concurrent('fails if the target is too slow, closes the connection, or does not exist', async () => {
    stack.receiver.respond('/slow', () => undefined);
    stack.receiver.respond('/hang-up', (_, response) => response.destroy());
    const cases = [
      {
        name: 'slow',
        target: target('/slow', { timeout: '300ms' }),
        reason: /no complete answer within 300ms/,
      },
      { name: 'hang-up', target: target('/hang-up'), reason: /closed or reset the connection/ },
      {
        name: 'nobody',
        target: { type: 'http', url: `http://127.0.0.1:${await findPort(0)}/` },
        reason: /ECONNREFUSED/,
      },
      {
        name: 'no such host',
        target: { type: 'http', url: 'http://no-such-host.invalid/' },
        reason: /ENOTFOUND|EAI_AGAIN/,
      },
    ];
    for (const { name, target: to, reason } of cases) {
      const job = await api.createJob({ name, schedule: never, target: to, retry: quickRetry(2) });
      const run = await endOf((await api.runJob(job.id)).id);
      expect(run).toMatchObject({ state: 'failed', reason: expect.stringMatching(reason) });
      expect(run.attempts).toHaveLength(2);
    }
  });

  test.concurrent('sends every method, and headers, text and JSON unchanged', async () => {
    const cases = [
      { method: 'GET', headers: { Accept: 'text/plain' } },
      { method: 'PUT', body: 'plain ünïcode', headers: {} },
      { method: 'PATCH', body: [1, { two: null }], headers: { 'Content-Type': 'application/vnd.x+json' } },
      { method: 'DELETE', headers: { 'X-Reason': 'cleanup' } },
      { method: 'POST', body: null, headers: {} },
    ];
    for (const { method, headers, body } of cases) {
      const path = `/as-given/${method}`;
      const job = await api.createJob({
        name: path,
        schedule: never,
        target: target(path, { method, headers, ...(body === undefined ? {} : { body }) }),
      });
      await endOf((await api.runJob(job.id)).id);
      const [call] = stack.receiver.callsTo(path);
      expect(call?.method).toBe(method);
      for (const [name, value] of Object.entries(headers))
        expect(call?.headers[name.toLowerCase()]).toBe(value);
      expect(call?.body).toBe(
        body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body),
      );
      if (method === 'PUT') expect(call?.headers['content-type']).toBe('text/plain; charset=utf-8');
      if (method === 'POST') expect(call?.headers['content-type']).toBe('application/json');
    }
  });

  describe('that an outdated Temporal Schedule starts', () => {
    const startAt = async (jobId: string, generation: number, scheduledAt: string): Promise<unknown> => {
      const handle = await stack.temporal.workflow.start('runJob', {
        workflowId: `scheduler-job-${jobId}-${scheduledAt}`,
        taskQueue: 'scheduler',
        args: [{ jobId, generation, trigger: 'schedule', scheduledAt }],
      });
      return handle.result();
    };

    test.concurrent('makes no call and is not recorded if the job was deleted', async () => {
      const job = await api.createJob({ name: 'gone', schedule: never, target: target('/gone') });
      await api.deleteJob(job.id);
      expect(await startAt(job.id, 1, '2030-01-01T00:00:00Z')).toMatchObject({ state: 'skipped' });
      const { rows } = await stack.db.query('SELECT FROM runs WHERE job_id = $1', [job.id]);
      expect(rows).toHaveLength(0);
      expect(stack.receiver.callsTo('/gone')).toHaveLength(0);
    });

    test.concurrent('is recorded only if the current schedule has the occurrence too', async () => {
      const job = await api.createJob({
        name: 'changed',
        schedule: { cron: '0 0 1 1 *' },
        target: target('/changed'),
      });
      await api.pauseJob(job.id);
      await api.resumeJob(job.id);
      expect((await untilSynced(api, job.id)).sync.generation).toBe(3);
      await startAt(job.id, 1, '2030-01-01T00:00:00Z');
      await startAt(job.id, 1, '2030-02-01T00:00:00Z');
      await startAt(job.id, 1, '2020-01-01T00:00:00Z');
      expect((await api.listRuns(job.id)).items).toMatchObject([
        { state: 'succeeded', scheduledAt: '2030-01-01T00:00:00Z' },
      ]);
      expect(stack.receiver.callsTo('/changed')).toHaveLength(1);
    });
  });

  test.concurrent('stays readable after its job was deleted', async () => {
    const job = await api.createJob({ name: 'leaves a run', schedule: never, target: target('/leaves') });
    const { id } = await endOf((await api.runJob(job.id)).id);
    await api.deleteJob(job.id);
    expect(await api.getRun(id)).toMatchObject({ state: 'succeeded' });
  });

  test.concurrent('is listed in pages, the latest nominal time first', async () => {
    const job = await api.createJob({ name: 'paged', schedule: never, target: target('/paged') });
    for (let index = 0; index < 7; index++) await api.runJob(job.id);
    const first = await api.listRuns(job.id, '?limit=3');
    const second = await api.listRuns(job.id, `?limit=3&cursor=${first.nextCursor}`);
    const third = await api.listRuns(job.id, `?limit=3&cursor=${second.nextCursor}`);
    const all = [...first.items, ...second.items, ...third.items].map((run) => run.scheduledAt);
    expect(all).toHaveLength(7);
    expect(all).toEqual([...all].sort().reverse());
    expect(third.nextCursor).toBeNull();
  });
});
