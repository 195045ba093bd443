import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { apiClient, httpTargetOf, request } from '../support/client.ts';
import { untilSynced } from '../support/job-state.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Problem } from '../../api/rest/problem.ts';
import type { Job } from '../../domain/job/job.ts';

let stack: Stack;
let url: string;
let api: ReturnType<typeof apiClient>;

const job = (name: string) => ({
  name,
  schedule: { cron: '0 9 * * MON', timeZone: 'Europe/Berlin' },
  target: { type: 'http', url: 'https://example.com/hooks/report', body: { z: 1, a: [2, 'x'] } },
});

beforeAll(async () => {
  stack = await createStack('jobs-api');
  // The worker syncs what Temporal was too busy for.
  [{ url }] = await Promise.all([stack.startApi(), stack.startWorker()]);
  api = apiClient(url);
});
afterAll(() => stack.stop());

describe('POST /jobs', () => {
  test('answers 201 with the job, Location and ETag, and the schedule is in Temporal', async () => {
    const answer = await request<Job>(`${url}/jobs`, 'POST', job('weekly'));
    expect(answer.status).toBe(201);
    expect(answer.headers.get('location')).toBe(`/jobs/${answer.body.id}`);
    expect(answer.headers.get('etag')).toBe('"1"');
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.body).toMatchObject({
      namespace: 'default',
      name: 'weekly',
      description: '',
      labels: {},
      schedule: {
        cron: '0 9 * * MON',
        timeZone: 'Europe/Berlin',
        summary: 'At 09:00, only on Monday, Europe/Berlin',
      },
      target: { method: 'POST', timeout: '30s', headers: {} },
      retry: { maxAttempts: 5, initialInterval: '1s', backoffCoefficient: 2, maxInterval: '5m' },
      state: 'active',
    });
    const { sync } = await untilSynced(api, answer.body.id);
    expect(sync).toEqual({
      state: 'synced',
      generation: 1,
      observedGeneration: 1,
      error: null,
      healedAt: null,
      drift: null,
    });
    expect(answer.body.status.upcoming).toHaveLength(5);
    expect(answer.body.status.nextRunAt).toBe(answer.body.status.upcoming[0]);
    // The input comes back unchanged, with its keys in their order.
    expect(JSON.stringify(httpTargetOf(answer.body).body)).toBe('{"z":1,"a":[2,"x"]}');

    const schedule = await stack.temporal.schedule.getHandle(`scheduler-job-${answer.body.id}`).describe();
    expect(schedule.policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 3_600_000 });
    expect(schedule.action.args).toEqual([{ jobId: answer.body.id, generation: 1, trigger: 'schedule' }]);
    const next = schedule.info.nextActionTimes
      .slice(0, 5)
      .map((time) => time.toISOString().replace('.000Z', 'Z'));
    expect(next).toEqual(answer.body.status.upcoming);
  });

  test('answers with everything that it has stored', async () => {
    const created = await api.createJob({
      name: 'with everything',
      description: 'Zeichen: ü, 𝄞',
      labels: { zebra: '1', a: '2' },
      schedule: {
        cron: '0 9 * * MON',
        timeZone: 'Europe/Berlin',
        endAt: '2040-01-01T00:00:00Z',
        jitter: '5s',
      },
      target: {
        type: 'http',
        url: 'https://example.com/',
        body: { z: [1.5, 1e21, null], a: { deep: true } },
      },
      policy: { overlap: 'bufferOne', maxConcurrent: 2, concurrencyKey: 'all', pauseAfterFailures: 3 },
      retry: { maxAttempts: 3 },
      timeout: '1h',
      onFailure: { after: 2, target: { type: 'http', url: 'https://example.com/alert' } },
      onRecovery: { target: { type: 'http', url: 'https://example.com/well' } },
    });
    const synced = await untilSynced(api, created.id);
    expect(synced.sync.generation).toBe(1);
    expect(synced).toEqual({ ...created, sync: synced.sync });
  });

  test('answers 409 if the name is taken; a deleted job frees its name', async () => {
    const first = await api.createJob(job('unique'));
    const second = await request<Problem>(`${url}/jobs`, 'POST', job('unique'));
    expect(second.status).toBe(409);
    expect(second.body).toMatchObject({ code: 'name_taken', errors: [{ path: 'name', code: 'taken' }] });
    await api.deleteJob(first.id);
    await api.createJob(job('unique'));
  });

  test('creates one job when many requests use one name at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => request(`${url}/jobs`, 'POST', job('contested'))),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, ...Array<number>(19).fill(409)]);
  });
});

describe('GET /jobs', () => {
  test('returns all jobs in pages, newest first, each once, while others are created', async () => {
    const created: string[] = [];
    for (let index = 0; index < 25; index++) created.push((await api.createJob(job(`page-${index}`))).id);
    const seen: string[] = [];
    let next: string | null = `${url}/jobs?limit=10`;
    while (next !== null) {
      const answer: { headers: Headers; body: { items: Job[]; nextCursor: string | null } } =
        await request(next);
      seen.push(...answer.body.items.map((item) => item.id));
      const link = answer.headers.get('link');
      expect(link === null).toBe(answer.body.nextCursor === null);
      next = link === null ? null : url + (/<(.+)>; rel="next"/.exec(link)?.[1] ?? '');
      await api.createJob(job(`meanwhile-${seen.length}`));
    }
    expect(seen.filter((id) => created.includes(id))).toEqual(created.reverse());
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('filters by name and state', async () => {
    await api.createJob(job('findable'));
    expect((await api.listJobs('?name=findable')).items.map((item) => item.name)).toEqual(['findable']);
    expect((await api.listJobs('?name=absent')).items).toEqual([]);
    expect((await api.listJobs('?state=paused')).items).toEqual([]);
    expect((await api.listJobs('?state=active&limit=1')).items).toHaveLength(1);
  });
});

describe('DELETE /jobs/{id}', () => {
  test('deletes the Temporal Schedule; from then on the job is answered with 404', async () => {
    const { id } = await api.createJob(job('short-lived'));
    await api.deleteJob(id);
    expect((await request(`${url}/jobs/${id}`)).status).toBe(404);
    expect((await request(`${url}/jobs/${id}`, 'DELETE')).status).toBe(404);
    expect((await request(`${url}/jobs/${id}/run`, 'POST')).status).toBe(404);
    await waitFor('the deletion to be synced', async () => {
      const { rows } = await stack.db.query<{ synced: boolean }>(
        'SELECT observed_generation = generation AS synced FROM jobs WHERE id = $1',
        [id],
      );
      // The tombstone may be gone, too.
      return rows[0]?.synced ?? true;
    });
    await expect(stack.temporal.schedule.getHandle(`scheduler-job-${id}`).describe()).rejects.toThrow(
      /not found/i,
    );
  });
});

describe('an unknown path, id or method', () => {
  test.each([
    ['GET', '/nothing', 404],
    ['GET', '/jobs/01a2047b-f3bf-75a1-b4d3-c8083758e9d4', 404],
    ['GET', '/runs/01a2047b-f3bf-75a1-b4d3-c8083758e9d4', 404],
    ['GET', '/jobs/01a2047b-f3bf-75a1-b4d3-c8083758e9d4/runs', 404],
    ['PUT', '/jobs', 405],
    ['DELETE', '/runs/01a2047b-f3bf-75a1-b4d3-c8083758e9d4', 405],
  ])('%s %s is answered with %d and a problem document', async (method, path, status) => {
    const answer = await request<Problem>(url + path, method);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.body).toMatchObject({
      status,
      instance: path,
      requestId: answer.headers.get('x-request-id'),
    });
    if (status === 405) expect(answer.headers.get('allow')).toMatch(/GET/);
  });
});

test('the request id of a client is kept, unless it does not fit into a log', async () => {
  const call = async (id: string) =>
    (await fetch(`${url}/livez`, { headers: { 'x-request-id': id } })).headers.get('x-request-id');
  expect(await call('order-4711-abc')).toBe('order-4711-abc');
  expect(await call('x y z; drop table')).not.toContain('drop');
});

test('/readyz reports Postgres and Temporal', async () => {
  expect((await request(`${url}/readyz`)).body).toEqual({ status: 'ready', postgres: 'up', temporal: 'up' });
  expect((await request(`${url}/livez`)).status).toBe(200);
});
