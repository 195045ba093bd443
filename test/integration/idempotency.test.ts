import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Problem } from '../../api/rest/problem.ts';
import type { Backfill } from '../../domain/run/backfill.ts';
import type { Job } from '../../domain/job/job.ts';
import type { Run } from '../../domain/run/run.ts';
import { apiClient, request } from '../support/client.ts';
import { createStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let urls: string[];
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('idempotency');
  urls = (await Promise.all([stack.startApi(), stack.startApi()])).map(({ url }) => url);
  api = apiClient(urls[0] as string);
});
afterAll(() => stack.stop());

const job = (name: string) => ({
  name,
  schedule: { every: '1h' },
  target: { type: 'http', url: 'https://example.com/', body: { z: 1, a: 2 } },
});
/** Sends a POST to the first or the second process. */
const post = <Body = Job>(path: string, key: string, body?: unknown, process = 0) =>
  request<Body>(`${urls[process]}${path}`, 'POST', body, { 'idempotency-key': key });
const isReplay = ({ headers }: { headers: Headers }) => headers.get('idempotency-replayed') === 'true';
const count = async (query: string, values: unknown[] = []) =>
  Number((await stack.db.query<{ count: string }>(query, values)).rows[0]?.count);

describe('the same request again', () => {
  test('gets the same answer from both processes, whatever has happened to the job since', async () => {
    const first = await post('/jobs', 'again-1', job('again'));
    expect([first.status, isReplay(first)]).toEqual([201, false]);
    await api.patchJob(first.body.id, { labels: { later: 'x' } });
    for (const process of [0, 1]) {
      const again = await post('/jobs', 'again-1', job('again'), process);
      expect([again.status, isReplay(again)]).toEqual([201, true]);
      expect(JSON.stringify(again.body)).toBe(JSON.stringify(first.body));
      for (const header of ['location', 'etag', 'content-type'])
        expect([header, again.headers.get(header)]).toEqual([header, first.headers.get(header)]);
    }
    await api.deleteJob(first.body.id);
    expect((await post('/jobs', 'again-1', job('again'))).body).toEqual(first.body);
    expect(await count(`SELECT count(*) FROM jobs WHERE name = 'again'`)).toBe(1);
  });

  test('creates one job when it is sent twenty times at once to two processes', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => post('/jobs', 'storm-1', job('storm'), index % 2)),
    );
    const made = answers.filter((answer) => answer.status === 201 && !isReplay(answer));
    expect(made).toHaveLength(1);
    for (const answer of answers) {
      if (answer === made[0]) continue;
      if (answer.status === 201) expect(answer.body).toEqual(made[0]?.body);
      else {
        expect(answer.status).toBe(409);
        expect(answer.body).toMatchObject({ code: 'idempotency_in_flight' });
        expect(answer.headers.get('retry-after')).toBe('1');
      }
    }
    expect(await count(`SELECT count(*) FROM jobs WHERE name = 'storm'`)).toBe(1);
  });

  test('creates forty jobs for forty keys, each sent five times, all at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        post('/jobs', `many-${index % 40}`, job(`many ${index % 40}`), index % 2),
      ),
    );
    expect(answers.filter((answer) => answer.status === 201 && !isReplay(answer))).toHaveLength(40);
    expect([...new Set(answers.map(({ status }) => status))].sort()).toEqual(
      answers.some(({ status }) => status === 409) ? [201, 409] : [201],
    );
    expect(await count(`SELECT count(*) FROM jobs WHERE name LIKE 'many %'`)).toBe(40);
  });

  test('starts one run', async () => {
    const { id } = await api.createJob(job('run once'));
    const key = randomUUID();
    const first = await post<Run>(`/jobs/${id}/run`, key);
    const again = await post<Run>(`/jobs/${id}/run`, key, undefined, 1);
    expect([first.status, again.status, isReplay(again)]).toEqual([202, 202, true]);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('location')).toBe(`/runs/${first.body.id}`);
    expect(await api.allRuns(id)).toHaveLength(1);
    expect((await post<Run>(`/jobs/${id}/run`, randomUUID())).body.id).not.toBe(first.body.id);
  });

  test('makes one backfill', async () => {
    const { id } = await api.createJob(job('backfill once'));
    const input = { from: '2026-01-01T00:00:00Z', to: '2026-01-01T03:00:00Z' };
    const first = await post<Backfill>(`/jobs/${id}/backfill`, 'backfill-1', input);
    const again = await post<Backfill>(`/jobs/${id}/backfill`, 'backfill-1', input, 1);
    expect([first.status, again.status, isReplay(again)]).toEqual([202, 202, true]);
    expect(again.body).toEqual(first.body);
    expect(await api.allRuns(id)).toHaveLength(4);
  });

  test('is recognized with the key as plain text and as a quoted string', async () => {
    const first = await post('/jobs', 'quoted\\key', job('quoted'));
    const again = await post('/jobs', '"quoted\\\\key"', job('quoted'));
    expect([again.status, isReplay(again)]).toEqual([201, true]);
    expect(again.body.id).toBe(first.body.id);
  });
});

test('is refused if the request differs and the key does not', async () => {
  const { body } = await post('/jobs', 'other-1', job('one'));
  const others = [
    await post<Problem>('/jobs', 'other-1', job('two'), 1),
    await post<Problem>('/jobs', 'other-1', { ...job('one'), labels: {} }),
    await post<Problem>(`/jobs/${body.id}/run`, 'other-1'),
  ];
  for (const other of others) expect([other.status, other.body.code]).toEqual([422, 'idempotency_mismatch']);
  expect((await api.listJobs('?name=two')).items).toEqual([]);
  expect(await api.allRuns(body.id)).toEqual([]);
});

test('is a new request if the first one was refused', async () => {
  const never = { ...job('late'), schedule: { at: '2020-01-01T00:00:00Z' } };
  expect((await post('/jobs', 'refused-1', never)).status).toBe(422);
  expect((await post('/jobs', 'refused-1', job('late'))).status).toBe(201);
  expect((await post('/jobs', 'refused-2', job('late'))).status).toBe(409);
  expect((await post('/jobs', 'refused-2', job('later'))).status).toBe(201);
  const nowhere = '/jobs/01a2047b-f3bf-75a1-b4d3-c8083758e9d4/run';
  expect((await post(nowhere, 'refused-3')).status).toBe(404);
  expect(await count(`SELECT count(*) FROM idempotency_keys WHERE key LIKE 'refused-%'`)).toBe(2);
});

test('is refused with the reason each time, when many invalid ones arrive at once', async () => {
  await api.createJob(job('taken'));
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => post<Problem>('/jobs', 'taken-1', job('taken'), index % 2)),
  );
  expect(new Set(answers.map(({ status, body }) => `${status} ${body.code}`))).toEqual(
    new Set(['409 name_taken']),
  );
  expect(await count(`SELECT count(*) FROM idempotency_keys WHERE key = 'taken-1'`)).toBe(0);
});

describe('a key whose first request was never answered', () => {
  const unanswer = (key: string, lockedFor: string) =>
    stack.db.query(
      `UPDATE idempotency_keys SET answer = NULL, locked_until = now() + $2::interval WHERE key = $1`,
      [key, lockedFor],
    );

  test('is locked while the first request may still be in progress', async () => {
    await post('/jobs', 'waiting-1', job('waiting'));
    await unanswer('waiting-1', '10 s');
    const again = await post<Problem>('/jobs', 'waiting-1', job('waiting'));
    expect([again.status, again.body.code]).toEqual([409, 'idempotency_in_flight']);
    expect(again.headers.get('retry-after')).toBe('1');
  });

  test('is answered with the job as it is now, from then on', async () => {
    const first = await post('/jobs', 'dead-1', job('dead'));
    await api.patchJob(first.body.id, { labels: { later: 'x' } });
    await unanswer('dead-1', '-1 s');
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => post('/jobs', 'dead-1', job('dead'), index % 2)),
    );
    // One request takes over. The others wait for it or get its answer.
    expect(answers.filter((answer) => answer.status === 201 && !isReplay(answer))).toHaveLength(1);
    for (const { status, headers, body } of answers) {
      if (status === 409) continue;
      expect([status, headers.get('etag')]).toEqual([201, '"2"']);
      expect(body).toMatchObject({ id: first.body.id, labels: { later: 'x' } });
    }
    const again = await post('/jobs', 'dead-1', job('dead'));
    expect([again.status, isReplay(again), again.headers.get('etag')]).toEqual([201, true, '"2"']);
    expect(await count(`SELECT count(*) FROM jobs WHERE name = 'dead'`)).toBe(1);
  });

  test('is answered even if the job has been deleted', async () => {
    const first = await post('/jobs', 'dead-2', job('dead and gone'));
    await api.deleteJob(first.body.id);
    await unanswer('dead-2', '-1 s');
    const again = await post('/jobs', 'dead-2', job('dead and gone'));
    expect([again.status, again.body.id]).toEqual([201, first.body.id]);
  });

  test('is answered with the run or the backfill', async () => {
    const { id } = await api.createJob(job('dead runs'));
    const run = await post<Run>(`/jobs/${id}/run`, 'dead-3');
    const input = { from: '2026-01-01T00:00:00Z', to: '2026-01-01T03:00:00Z' };
    const backfill = await post<Backfill>(`/jobs/${id}/backfill`, 'dead-4', input);
    await unanswer('dead-3', '-1 s');
    await unanswer('dead-4', '-1 s');
    expect((await post<Run>(`/jobs/${id}/run`, 'dead-3', undefined, 1)).body.id).toBe(run.body.id);
    const again = await post<Backfill>(`/jobs/${id}/backfill`, 'dead-4', input, 1);
    expect([again.status, again.body]).toEqual([202, backfill.body]);
    expect(await api.allRuns(id)).toHaveLength(5);
  });
});

test.each(['', 'a b', 'x'.repeat(256), '"open', 'a"b', '""', '"a"; q=1', 'sch\u00f6n', '\ttab\tin'])(
  'the invalid key %j is refused',
  async (key) => {
    const answer = await post<Problem>('/jobs', key, job('no key'));
    expect([answer.status, answer.body.errors?.[0]?.path]).toEqual([422, 'Idempotency-Key']);
    expect((await api.listJobs('?name=no%20key')).items).toEqual([]);
  },
);

test('operations that are idempotent anyway ignore the key', async () => {
  const { id } = await api.createJob(job('pausable'));
  const first = await post(`/jobs/${id}/pause`, 'pause-1', { reason: 'one' });
  const other = await post(`/jobs/${id}/pause`, 'pause-1', { reason: 'two' });
  expect([first.status, other.status, other.body.pause?.reason]).toEqual([200, 200, 'two']);
  expect(await count(`SELECT count(*) FROM idempotency_keys WHERE key = 'pause-1'`)).toBe(0);
});
