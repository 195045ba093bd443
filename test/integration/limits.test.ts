import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { apiClient, request } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let service: ServiceProcess;
let api: ReturnType<typeof apiClient>;
let workers: ServiceProcess[];

beforeAll(async () => {
  stack = await createStack('limits');
  [service, ...workers] = await Promise.all([stack.startApi(), stack.startWorker(), stack.startWorker()]);
  api = apiClient(service.url);
  await Promise.all([startRateJobs(), startLongJob()]);
});
afterAll(() => stack.stop());

const never = { at: '2090-01-01T00:00:00Z' };
const endOf = (runId: string) => endOfRun(api, runId, 110_000);

/** Counts the concurrent calls to a path. A call ends when it is answered, or when its connection closes. */
function countCalls(path: string, answer: (response: ServerResponse) => void) {
  const seen = { now: 0, most: 0, broken: 0 };
  stack.receiver.respond(`/${path}`, (_, response) => {
    seen.now++;
    seen.most = Math.max(seen.most, seen.now);
    response.once('close', () => {
      seen.now--;
      if (!response.writableFinished) seen.broken++;
    });
    answer(response);
  });
  return seen;
}

const makeJobs = (count: number, prefix: string, policy: object, more: object = {}) =>
  Promise.all(
    Array.from({ length: count }, (_, index) =>
      api.createJob({
        name: `${prefix} ${index}`,
        schedule: never,
        target: { type: 'http', url: `${stack.receiver.url}/${prefix}` },
        policy,
        ...more,
      }),
    ),
  );

/** The largest number of these times within any window of `lengthMs`. */
function mostWithin(times: number[], lengthMs: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.max(
    ...sorted.map((start, index) => sorted.slice(index).filter((time) => time - start < lengthMs).length),
  );
}

let rateRuns: string[];
let longCalls: { most: number };
const longHeld: ServerResponse[] = [];
let longRuns: string[];

/** Starts two runs, one allowed per second, whose target does not answer. */
async function startLongJob(): Promise<void> {
  longCalls = countCalls('long', (response) => void longHeld.push(response));
  const [job] = await makeJobs(1, 'long', { rateLimit: { max: 1, per: '1s' } });
  longRuns = await Promise.all([1, 2].map(async () => (await api.runJob(job?.id ?? '')).id));
}

/** Starts four runs of each of five jobs that share a rate limit, and checks that ten of them wait. */
async function startRateJobs(): Promise<void> {
  const jobs = await makeJobs(5, 'rate', { concurrencyKey: 'rate', rateLimit: { max: 10, per: '1m' } });
  rateRuns = await Promise.all(
    jobs.flatMap((job) => Array.from({ length: 4 }, async () => (await api.runJob(job.id)).id)),
  );
  const waiting = await waitFor('ten waiting runs', async () => {
    const runs = await Promise.all(rateRuns.map((id) => api.getRun(id)));
    const queued = runs.filter(({ state, reason }) => state === 'queued' && reason !== null);
    return queued.length === 10 ? queued : undefined;
  });
  expect(waiting.map(({ reasonCode }) => reasonCode)).toEqual(waiting.map(() => 'waitsForPermit'));
  for (const { reason } of waiting)
    expect(reason).toMatch(
      /^waits for a permit: at most 10 attempts with the concurrency key "rate" in 1m(; \d+ wait before it)?$/,
    );
}

describe('maxConcurrent', () => {
  test('3 for 10 jobs on two workers: never 4 calls at once, and no permit is lost with a killed worker', async () => {
    // No call is answered before a worker is killed: if it got an answer that it could not record, the call would be repeated.
    let answer = (response: ServerResponse) => void held.push(response);
    const held: ServerResponse[] = [];
    const calls = countCalls('three', (response) => answer(response));
    const jobs = await makeJobs(10, 'three', { concurrencyKey: 'three', maxConcurrent: 3 });
    const runs = await Promise.all(
      jobs.flatMap((job) => Array.from({ length: 4 }, async () => (await api.runJob(job.id)).id)),
    );
    const waiting = await waitFor('a waiting run', async () => {
      const all = await Promise.all(runs.map((id) => api.getRun(id)));
      return all.find(({ state, reason }) => state === 'queued' && reason !== null);
    });
    expect(waiting).toMatchObject({ startedAt: null, attempts: [] });
    expect(waiting.reason).toMatch(
      /^waits for a permit: \d of at most 3 attempts with the concurrency key "three" are under way/,
    );
    await waitFor('three calls at once', () => calls.now === 3);
    await workers[0]?.stop('SIGKILL');
    answer = (response) => void setTimeout(() => response.end('ok'), 400);
    held.forEach(answer);
    const ended = await Promise.all(runs.map(endOf));
    expect(new Set(ended.map(({ state }) => state))).toEqual(new Set(['succeeded']));
    expect(calls.most).toBe(3);
    // Each aborted call was repeated, under a permit of its own.
    expect(stack.receiver.callsTo('/three').length).toBe(40 + calls.broken);
    // No permit is held any more.
    await waitFor('all permits to be released', async () => {
      const { rows } = await stack.db.query(
        "SELECT FROM permits WHERE released_at IS NULL AND scope LIKE '%three'",
      );
      return rows.length === 0;
    });
    workers[0] = await stack.startWorker();
  });

  test('without a key applies to one job, and a run that waits for its next attempt releases its permit', async () => {
    let failures = 0;
    const calls = countCalls('alone', (response) => {
      response.statusCode = failures++ === 0 ? 503 : 200;
      response.end();
    });
    const [job] = await makeJobs(
      1,
      'alone',
      { maxConcurrent: 1 },
      { retry: { initialInterval: '8s', maxAttempts: 2 } },
    );
    const first = await api.runJob(job?.id ?? '');
    await waitFor('the first attempt', async () => (await api.getRun(first.id)).attempts.length === 1);
    const second = await endOf((await api.runJob(job?.id ?? '')).id);
    expect(second.state).toBe('succeeded');
    expect((await api.getRun(first.id)).state).toBe('running');
    expect((await endOf(first.id)).attempts).toHaveLength(2);
    expect(calls.most).toBe(1);
  });

  test('a run that is cancelled leaves the queue, or releases its permit', async () => {
    const held: ServerResponse[] = [];
    countCalls('held', (response) => void held.push(response));
    const [job] = await makeJobs(1, 'held', { maxConcurrent: 1 });
    const ask = async () => (await api.runJob(job?.id ?? '')).id;
    const holder = await ask();
    await waitFor('its call', () => held.length === 1);
    const [leaver, last] = [await ask(), await ask()];
    await waitFor('both runs to wait', async () =>
      (await Promise.all([leaver, last].map((id) => api.getRun(id)))).every(({ reason }) => reason !== null),
    );
    const cancel = (id: string) =>
      request(`${service.url}/runs/${id}/cancel`, 'POST').then(({ status }) => status);
    expect(await cancel(leaver)).toBe(202);
    expect(await endOf(leaver)).toMatchObject({ state: 'cancelled', attempts: [] });
    expect(await cancel(holder)).toBe(202);
    expect(await endOf(holder)).toMatchObject({ state: 'cancelled' });
    await waitFor('the permit of the last run', () => held.length === 2);
    held[1]?.end('ok');
    expect((await endOf(last)).state).toBe('succeeded');
  });
});

describe('rateLimit', () => {
  test('holds when both workers are killed, also for repeated calls', async () => {
    countCalls('storm', (response) => setTimeout(() => response.end('ok'), 300));
    const jobs = await makeJobs(3, 'storm', { concurrencyKey: 'storm', rateLimit: { max: 4, per: '3s' } });
    const runs = await Promise.all(
      jobs.flatMap((job) => Array.from({ length: 4 }, async () => (await api.runJob(job.id)).id)),
    );
    await waitFor('in-flight calls', () => stack.receiver.callsTo('/storm').length >= 2);
    await Promise.all(workers.map((worker) => worker.stop('SIGKILL')));
    workers = await Promise.all([stack.startWorker(), stack.startWorker()]);
    const ended = await Promise.all(runs.map(endOf));
    expect(new Set(ended.map(({ state }) => state))).toEqual(new Set(['succeeded']));
    const calls = stack.receiver.callsTo('/storm');
    expect(new Set(calls.map(({ headers }) => headers['idempotency-key'])).size).toBe(12);
    expect(
      mostWithin(
        calls.map(({ at }) => at),
        3_000,
      ),
    ).toBeLessThanOrEqual(4);
  });

  // Started by beforeAll, like the next one.
  test('a long attempt counts only until its call must have reached the target', async () => {
    await waitFor('both calls at once', () => longCalls.most === 2);
    for (const response of longHeld) response.end('ok');
    stack.receiver.respond('/long', (_, response) => response.end('ok'));
    const ended = await Promise.all(longRuns.map(endOf));
    expect(ended.map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
  });

  // Started by beforeAll, because it takes more than a minute.
  test('10 per minute for five jobs on two workers: never more than 10 in any minute, and none is lost', async () => {
    const ended = await Promise.all(rateRuns.map(endOf));
    expect(new Set(ended.map(({ state }) => state))).toEqual(new Set(['succeeded']));
    const times = stack.receiver.callsTo('/rate').map(({ at }) => at);
    expect(times.length).toBeGreaterThanOrEqual(20);
    expect(
      new Set(stack.receiver.callsTo('/rate').map(({ headers }) => headers['idempotency-key'])).size,
    ).toBe(20);
    expect(mostWithin(times, 60_000)).toBe(10);
    // Not much slower than the limit: 20 calls take one minute, and less than two.
    expect(Math.max(...times) - Math.min(...times)).toBeLessThan(115_000);
  });
});
