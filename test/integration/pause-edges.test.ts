import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { apiClient, request } from '../support/client.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

// A pause ends at its `until`, even if nobody notices for a while: no worker lives here, and so no reconciler.

let stack: Stack;
let url: string;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('pause-edges');
  ({ url } = await stack.startApi());
  api = apiClient(url);
});
afterAll(() => stack.stop());

/** Between two occurrences. */
const STEP = 2_000;

/** A job that fires every two seconds, and whose pause was over some seconds ago. */
async function createOverdue(name: string) {
  const target = { type: 'http', url: `${stack.receiver.url}/pause-edges` };
  const { id } = await api.createJob({ name, schedule: { every: '2s' }, target });
  // The pause takes its time on a busy machine, and something is to be due in it.
  const until = Math.ceil(Date.now() / STEP) * STEP + 3 * STEP;
  await api.pauseJob(id, { until: new Date(until).toISOString() });
  await sleep(until + 2.5 * STEP - Date.now());
  return { id, until, target };
}

interface Row {
  at: number;
  state: string;
  reasonCode: string | null;
  occurrences: number | null;
}

async function listRows(id: string): Promise<Row[]> {
  const { rows } = await stack.db.query<{
    scheduled_at: Date;
    state: string;
    reason_code: string | null;
    occurrences: number | null;
  }>(
    `SELECT scheduled_at, state, reason_code, occurrences FROM runs
     WHERE job_id = $1 AND trigger = 'schedule' ORDER BY scheduled_at`,
    [id],
  );
  return rows.map(({ scheduled_at: at, state, reason_code: reasonCode, occurrences }) => ({
    ...{ at: at.getTime(), state, reasonCode, occurrences },
  }));
}

/** The occurrences from `from` up to a change at `to`. */
const occurrencesOf = (from: number, to: number) => {
  const instants = [];
  for (let at = from; at <= to; at += STEP) instants.push(at);
  return instants;
};

const changes: [string, (id: string, target: object) => Promise<{ status: number }>][] = [
  ['paused again', (id) => request(`${url}/jobs/${id}/pause`, 'POST', { reason: 'again' })],
  [
    'resumed, and paused once more',
    async (id) => {
      await request(`${url}/jobs/${id}/resume`, 'POST');
      return request(`${url}/jobs/${id}/pause`, 'POST');
    },
  ],
  [
    'given another schedule',
    (id, target) =>
      request(`${url}/jobs/${id}`, 'PUT', {
        name: `changed ${id}`,
        schedule: { every: '1s' },
        target,
      }),
  ],
  [
    'given exclusions',
    (id) =>
      request(`${url}/jobs/${id}`, 'PATCH', {
        schedule: { exclude: [{ cron: '* 0-22 * * *' }] },
      }),
  ],
  [
    'given a later start',
    (id) => request(`${url}/jobs/${id}`, 'PATCH', { schedule: { startAt: '2090-01-01T00:00:00Z' } }),
  ],
  ['deleted', (id) => request(`${url}/jobs/${id}`, 'DELETE')],
];

describe('a job whose pause is over, before anybody has noticed', () => {
  test.concurrent.each(changes)('keeps what was due since then when it is %s', async (name, change) => {
    const { id, until, target } = await createOverdue(`to be ${name}`);
    const asked = Date.now();
    const { status } = await change(id, target);
    expect([name, status]).toEqual([name, name === 'deleted' ? 204 : 200]);
    const rows = await listRows(id);
    const since = rows.filter(({ at, occurrences }) => at >= until && occurrences === null);
    // By the schedule that held then, and none by the new one.
    const due = since.map(({ at }) => at).filter((at) => at <= asked);
    expect(due).toEqual(occurrencesOf(until, asked));
    const paused = rows.filter(({ reasonCode }) => reasonCode === 'paused');
    expect(paused.reduce((count, { occurrences }) => count + (occurrences ?? 0), 0)).toBeGreaterThan(0);
    for (const { at } of paused) expect(at).toBeLessThan(until);
  });

  test.concurrent('is not missing anything since then for a backfill', async () => {
    const { id, until } = await createOverdue('to be backfilled');
    const backfill = await api.backfill(id, {
      from: new Date(until).toISOString(),
      to: new Date().toISOString(),
      onlyMissing: true,
    });
    // What was due since the end may still start.
    expect(backfill.count).toBe(0);
  });

  test.concurrent('says at which generations its pause ended and it was changed', async () => {
    const { id } = await createOverdue('to be told');
    const seen = await api.getJob(id);
    expect(seen).toMatchObject({ state: 'paused', sync: { generation: 2 } });
    // The caller has seen generation 2: that the pause ended is no reason to refuse.
    const changed = await request(
      `${url}/jobs/${id}`,
      'PATCH',
      { description: 'changed' },
      { 'if-match': '"2"' },
    );
    expect(changed.status).toBe(200);
    const { body } = await request<{ items: { generation: number; action: string; by: string }[] }>(
      `${url}/jobs/${id}/revisions`,
    );
    expect(body.items.map(({ generation, action, by }) => [generation, action, by])).toEqual([
      [4, 'changed', 'api'],
      [3, 'resumed', 'pause.until'],
      [2, 'paused', 'api'],
      [1, 'created', 'api'],
    ]);
  });
});

test('what was due since the end of a pause runs, or says why not, once a worker is there', async () => {
  const { id, until } = await createOverdue('to be run');
  const { pause } = await api.pauseJob(id, { reason: 'again' });
  const pausedAt = Date.parse(pause?.at ?? '');
  await stack.startWorker();
  await waitFor('every occurrence to be decided', async () =>
    (await listRows(id)).filter(({ at }) => at >= until).every(({ state }) => state !== 'queued'),
  );
  const rows = (await listRows(id)).filter(({ at, occurrences }) => at >= until && occurrences === null);
  expect(rows.map(({ at }) => at)).toEqual(occurrencesOf(until, pausedAt));
});
