import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiClient } from '../support/client.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

const JOBS = 200;

let stack: Stack;
let apis: ReturnType<typeof apiClient>[];

beforeAll(async () => {
  stack = await createStack('burst');
  const services = await Promise.all([
    stack.startApi(),
    stack.startApi(),
    stack.startWorker(),
    stack.startWorker(),
  ]);
  apis = services.slice(0, 2).map((service) => apiClient(service.url));
});
afterAll(() => stack.stop());

test(`${JOBS} jobs due in the same second, created through two APIs, make ${JOBS} calls and ${JOBS} runs`, async () => {
  // Late enough that even a slow machine creates all of them before.
  const at = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 40_000).toISOString();
  const ids: string[] = [];
  const makeSome = async (first: number) => {
    for (let index = first; index < JOBS; index += 8) {
      const api = apis[index % 2] as (typeof apis)[number];
      const job = await api.createJob({
        name: `burst-${index}`,
        schedule: { at },
        target: { type: 'http', url: `${stack.receiver.url}/job/${index}` },
      });
      ids.push(job.id);
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, first) => makeSome(first)));
  expect(Date.now()).toBeLessThan(Date.parse(at));
  expect(stack.receiver.calls).toHaveLength(0);

  const countEnded = async () => {
    const { rows } = await stack.db.query<{ count: string }>(
      'SELECT count(*) FROM runs WHERE ended_at IS NOT NULL',
    );
    return Number(rows[0]?.count);
  };
  await waitFor('all runs to end', async () => (await countEnded()) >= JOBS, 100_000);

  const { rows } = await stack.db.query<{
    job_id: string;
    state: string;
    scheduled_at: Date;
    attempts: unknown[];
  }>('SELECT job_id, state, scheduled_at, attempts FROM runs');
  expect(rows).toHaveLength(JOBS);
  expect(new Set(rows.map((row) => row.job_id))).toEqual(new Set(ids));
  expect(
    new Set(rows.map((row) => `${row.state} ${row.scheduled_at.toISOString()} ${row.attempts.length}`)),
  ).toEqual(new Set([`succeeded ${at} 1`]));
  const paths = stack.receiver.calls.map((call) => call.path);
  expect(paths).toHaveLength(JOBS);
  expect(new Set(paths).size).toBe(JOBS);
});
