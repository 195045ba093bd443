import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Problem } from '../../api/rest/problem.ts';
import type { Backfill } from '../../domain/run/backfill.ts';
import { apiClient, request } from '../support/client.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let url: string;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('backfill');
  const [service] = await Promise.all([stack.startApi(), stack.startWorker()]);
  ({ url } = service);
  api = apiClient(url);
});
afterAll(() => stack.stop());

const HOUR_MS = 3_600_000;
/** The start of the hour, `hours` before now. */
const hoursAgo = (hours: number) =>
  new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS - hours * HOUR_MS).toISOString();
const createJob = (name: string, schedule: object = { every: '1h' }) =>
  api.createJob({ name, schedule, target: { type: 'http', url: `${stack.receiver.url}/${name}` } });
const untilAllEnded = (id: string, count: number) =>
  waitFor('all runs to end', async () => {
    const runs = await api.allRuns(id);
    return runs.length === count && runs.every((run) => run.endedAt !== null) ? runs : undefined;
  });
const tryBackfill = (id: string, input: unknown) =>
  request<Problem>(`${url}/jobs/${id}/backfill`, 'POST', input);

describe('POST /jobs/{id}/backfill', () => {
  test('runs each occurrence from `from` to `to`, both included, one after another, also of a paused job', async () => {
    const { id } = await createJob('in-order');
    await request(`${url}/jobs/${id}/pause`, 'POST');
    const answer = await request<Backfill>(`${url}/jobs/${id}/backfill`, 'POST', {
      from: hoursAgo(8),
      to: hoursAgo(3),
    });
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe(`/jobs/${id}/runs`);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      jobId: id,
      overlap: 'bufferAll',
      count: 6,
    });
    const runs = await untilAllEnded(id, 6);
    const due = [8, 7, 6, 5, 4, 3].map((hours) => hoursAgo(hours).replace('.000Z', 'Z'));
    expect(runs.map((run) => run.scheduledAt)).toEqual(due.toReversed());
    for (const run of runs) expect(run).toMatchObject({ trigger: 'backfill', state: 'succeeded' });
    const calls = stack.receiver.callsTo('/in-order');
    expect(calls.map(({ headers }) => headers['x-scheduler-scheduled-at'])).toEqual(due);
    expect(new Set(calls.map(({ headers }) => headers['idempotency-key'])).size).toBe(6);
    // One has ended before the next one starts.
    const inOrder = runs.toReversed();
    for (const [index, run] of inOrder.entries()) {
      if (index > 0)
        expect(Date.parse(String(run.startedAt))).toBeGreaterThanOrEqual(
          Date.parse(String(inOrder[index - 1]?.endedAt)),
        );
    }
  });

  test('allowAll runs them all at once', async () => {
    const { id } = await createJob('at-once');
    const waiting: (() => void)[] = [];
    stack.receiver.respond('/at-once', (_, response) => waiting.push(() => response.end('ok')));
    expect((await api.backfill(id, { from: hoursAgo(5), to: hoursAgo(1), overlap: 'allowAll' })).count).toBe(
      5,
    );
    await waitFor('five calls in flight', () => waiting.length === 5);
    for (const answer of waiting) answer();
    await untilAllEnded(id, 5);
  });

  test('starts nothing more after it was cancelled in Temporal, and its runs are cancelled', async () => {
    const { id } = await createJob('cancelled');
    stack.receiver.respond('/cancelled', () => undefined);
    const backfill = await api.backfill(id, { from: hoursAgo(4), to: hoursAgo(1) });
    await waitFor('the first call', () => stack.receiver.callsTo('/cancelled').length === 1);
    await stack.temporal.workflow.getHandle(`scheduler-backfill-${backfill.id}`).cancel();
    const runs = await untilAllEnded(id, 4);
    expect(new Set(runs.map((run) => run.state))).toEqual(new Set(['cancelled']));
    expect(stack.receiver.callsTo('/cancelled')).toHaveLength(1);
  });

  test('without onlyMissing runs every occurrence again; with it, only those without a run', async () => {
    const { id } = await createJob('missing');
    const range = { from: hoursAgo(6), to: hoursAgo(3) };
    expect((await api.backfill(id, range)).count).toBe(4);
    expect((await api.backfill(id, { ...range, onlyMissing: true })).count).toBe(0);
    const wider = { from: hoursAgo(8), to: hoursAgo(3), onlyMissing: true };
    expect((await api.backfill(id, wider)).count).toBe(2);
    expect((await api.backfill(id, range)).count).toBe(4);
    await untilAllEnded(id, 10);
  });

  test('several at once with onlyMissing run each occurrence once', async () => {
    const { id } = await createJob('doubled');
    const input = { from: hoursAgo(20), to: hoursAgo(1), onlyMissing: true, overlap: 'allowAll' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => api.backfill(id, input)));
    expect(answers.map(({ count }) => count).sort((one, other) => other - one)).toEqual([
      20, 0, 0, 0, 0, 0, 0, 0,
    ]);
    const runs = await untilAllEnded(id, 20);
    expect(new Set(runs.map((run) => run.scheduledAt)).size).toBe(20);
  });

  test('is refused with the number of occurrences when there are more than the limit', async () => {
    const { id } = await createJob('many', { every: '10s' });
    const answer = await tryBackfill(id, { from: hoursAgo(6), to: hoursAgo(1) });
    expect([answer.status, answer.body.code]).toEqual([422, 'too_many']);
    expect(answer.body.detail).toContain('1801 occurrences');
    expect(answer.body.detail).toContain('1000 at most');
    const huge = await tryBackfill(id, { from: '2000-01-01T00:00:00Z', to: hoursAgo(1) });
    expect([huge.status, huge.body.code]).toEqual([422, 'too_many']);
    expect(huge.body.detail).toContain('more than 100000');
    const { rows } = await stack.db.query('SELECT id FROM backfills WHERE job_id = $1', [id]);
    expect(rows).toEqual([]);
    await api.deleteJob(id);
  });

  test('is refused for invalid input, with the place of each error', async () => {
    const { id } = await createJob('refusing');
    const faultsOf = async (input: unknown) => {
      const { status, body } = await tryBackfill(id, input);
      return [status, body.errors?.map(({ path, code }) => `${path} ${code}`).sort()];
    };
    const future = new Date(Date.now() + HOUR_MS).toISOString();
    expect(await faultsOf({ from: hoursAgo(1), to: hoursAgo(2) })).toEqual([422, ['to before_from']]);
    expect(await faultsOf({ from: hoursAgo(1), to: future })).toEqual([422, ['to in_the_future']]);
    // Runs of half a year ago have been removed, so nobody knows which are missing.
    expect(await faultsOf({ from: hoursAgo(24 * 180), to: hoursAgo(24 * 179), onlyMissing: true })).toEqual([
      422,
      ['from forgotten'],
    ]);
    expect(await faultsOf({ from: 'yesterday' })).toEqual([422, ['from invalid_format', 'to required']]);
    expect(await faultsOf({ from: hoursAgo(2), to: hoursAgo(1), overlap: 'skip' })).toEqual([
      422,
      ['overlap invalid_value'],
    ]);
    expect(await api.allRuns(id)).toEqual([]);
    const range = { from: hoursAgo(2), to: hoursAgo(1) };
    expect((await tryBackfill('01a2047b-f3bf-75a1-b4d3-c8083758e9d4', range)).status).toBe(404);
    await api.deleteJob(id);
    expect((await tryBackfill(id, range)).status).toBe(404);
  });
});
