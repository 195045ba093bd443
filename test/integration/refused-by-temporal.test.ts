import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Problem } from '../../api/rest/problem.ts';
import { apiClient, request } from '../support/client.ts';
import { createStack, type Stack } from '../support/stack.ts';

let stack: Stack;

beforeAll(async () => {
  stack = await createStack('refused-by-temporal');
});
afterAll(() => stack.stop());

const job = (name: string) => ({
  name,
  schedule: { every: '1h' },
  target: {
    type: 'http',
    url: 'https://example.com/',
    headers: { Authorization: { secret: 'Bearer x' } },
  },
});

/** The number of rows in each table that holds a part of a job. */
async function countRows(): Promise<Record<string, number>> {
  const tables = ['jobs', 'job_revisions', 'job_secrets', 'idempotency_keys'];
  const counts = tables.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`);
  const { rows } = await stack.db.query<Record<string, number>>(`SELECT ${counts.join()}`);
  return rows[0] as Record<string, number>;
}

test('a new job that Temporal refuses is refused with the message of Temporal, and leaves no rows', async () => {
  // No input is known that only Temporal refuses, so the task queue is longer than Temporal allows.
  const { url } = await stack.startApi({ TEMPORAL_TASK_QUEUE: 'q'.repeat(1_200) });
  for (const headers of [{}, { 'Idempotency-Key': 'one' }, { 'Idempotency-Key': 'one' }]) {
    const { status, body } = await request<Problem>(`${url}/jobs`, 'POST', job('refused'), headers);
    expect({ status, errors: body.errors }).toEqual({
      status: 422,
      errors: [
        {
          path: '',
          code: 'refused_by_temporal',
          message: expect.stringMatching(/^Temporal refuses it: .*length/i),
        },
      ],
    });
  }
  expect(await countRows()).toEqual({ jobs: 0, job_revisions: 0, job_secrets: 0, idempotency_keys: 0 });
  // The audit log says that somebody tried, and what became of it.
  const { rows } = await stack.db.query('SELECT action, by FROM audit_log ORDER BY id');
  const created = { action: 'created', by: 'api' };
  const withdrawn = { action: 'withdrawn', by: 'refused by Temporal' };
  expect(rows).toEqual([created, withdrawn, created, withdrawn, created, withdrawn]);
});

test('Temporal accepts the longest names, in bytes', async () => {
  const { url } = await stack.startApi();
  const api = apiClient(url);
  const name = '日'.repeat(200);
  const made = await api.createJob(job(name));
  expect(made).toMatchObject({ name, sync: { state: 'synced' } });
  const described = await stack.temporal.schedule.getHandle(`scheduler-job-${made.id}`).describe();
  expect(described.info.nextActionTimes.length).toBeGreaterThan(0);
  const run = await request<{ id: string }>(`${url}/jobs/${made.id}/run`, 'POST');
  expect(run.status).toBe(202);
});
