import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Job } from '../../domain/job/job.ts';
import type { Problem } from '../../api/rest/problem.ts';
import { apiClient, request } from '../support/client.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { withRevisions } from '../support/with-revisions.ts';

let stack: Stack;
let url: string;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('jobs-by-next-run');
  ({ url } = await stack.startApi());
  api = apiClient(url);
});
afterAll(() => stack.stop());

const create = (name: string, schedule: object, labels = {}) =>
  api.createJob({ name, labels, schedule, target: { type: 'http', url: `${stack.receiver.url}/` } });
const namesOf = (jobs: Job[]) => jobs.map(({ name }) => name);

/** All jobs of a list, from all its pages. */
async function pages(query: string): Promise<Job[]> {
  const jobs: Job[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: { items: Job[]; nextCursor: string | null } = await api.listJobs(
      `?sort=nextRunAt&${query}${cursor && `&cursor=${cursor}`}`,
    );
    jobs.push(...page.items);
    cursor = page.nextCursor;
  }
  return jobs;
}

const notedOf = async (id: string) => {
  const { rows } = await stack.db.query<{ next: Date | null }>(
    'SELECT next_run_at AS next FROM jobs WHERE id = $1',
    [id],
  );
  return rows[0]?.next?.toISOString().replace('.000Z', 'Z') ?? null;
};

test('jobs come in the order of their next runs, whatever next_run_at says, and those without one come last', async () => {
  const later = await create('later', { at: '2090-01-03T00:00:00Z' }, { of: 'order' });
  await create('first', { cron: '0 0 1 1 *', startAt: '2090-01-01T00:00:00Z' }, { of: 'order' });
  const paused = await create('paused', { every: '1h' }, { of: 'order' });
  const moved = await create('moved', { every: '1h' }, { of: 'order' });
  await create('limited', { at: '2090-01-02T12:00:00Z', maxRuns: 1 }, { of: 'order' });
  const twins = [];
  for (const name of ['twin', 'other twin'])
    twins.push(await create(name, { at: '2090-01-02T00:00:00Z' }, { of: 'order' }));
  await api.pauseJob(paused.id);
  await api.patchJob(moved.id, { schedule: { every: null, offset: null, at: '2090-01-04T00:00:00Z' } });
  const wanted = [
    'first',
    ...twins.sort((one, other) => (one.id < other.id ? -1 : 1)).map(({ name }) => name),
    'limited',
    'later',
    'moved',
    'paused',
  ];
  for (const limit of [1, 2, 3, 200])
    expect(namesOf(await pages(`label=of=order&limit=${limit}`))).toEqual(wanted);
  expect(namesOf(await pages('label=of=order&q=TWIN&limit=1'))).toEqual(wanted.slice(1, 3));
  expect(namesOf(await pages('label=of=order&state=paused'))).toEqual(['paused']);

  // Each write stores next_run_at. A job written by another version has none, and still comes at its place.
  expect(await notedOf(later.id)).toBe(later.status.nextRunAt);
  expect(await notedOf(moved.id)).toBe('2090-01-04T00:00:00Z');
  expect(await notedOf(paused.id)).toBe(null);
  await stack.db.query('UPDATE jobs SET next_run_at = DEFAULT');
  for (const limit of [1, 3, 200])
    expect(namesOf(await pages(`label=of=order&limit=${limit}`))).toEqual(wanted);

  const resumed = await api.resumeJob(paused.id);
  expect(await notedOf(paused.id)).toBe(resumed.status.nextRunAt);
  expect(namesOf(await pages('label=of=order'))[0]).toBe('paused');
});

test('many jobs whose stored next run has passed are each found once, at their place', async () => {
  const { id } = await create('many', { at: '2080-01-01T00:00:00Z' }, { of: 'many' });
  // Their next_run_at are in another order than their next runs.
  await stack.db.query(
    withRevisions(`INSERT INTO jobs
     SELECT (jsonb_populate_record(job, jsonb_build_object(
       'id', gen_random_uuid(), 'name', 'many-' || number, 'next_run_at', date_trunc('second', now()) - number * interval '1 s',
       'schedule', jsonb_build_object('timeZone', 'UTC', 'at', jsonb_build_array(
         to_char(timestamp '2080-01-01' + (number * 7919 % 1000) * interval '1 min', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))))).*
     FROM jobs AS job, generate_series(1, 699) AS number WHERE job.id = $1`),
    [id],
  );
  for (const limit of [90, 200]) {
    const jobs = await pages(`label=of=many&limit=${limit}`);
    expect(new Set(jobs.map((job) => job.id)).size).toBe(700);
    expect(jobs).toHaveLength(700);
    const times = jobs.map(({ status }) => status.nextRunAt ?? '');
    expect(times).toEqual([...times].sort());
  }
});

test('a job that fires while pages are read is on one of them, even if reading takes longer than its period', async () => {
  for (let index = 0; index < 3; index++) await create(`quick-${index}`, { every: '1s' }, { of: 'quick' });
  await create('slow', { at: '2090-01-01T00:00:00Z' }, { of: 'quick' });
  const names: string[] = [];
  for (let next = '/jobs?sort=nextRunAt&label=of%3Dquick&limit=1'; next !== '';) {
    const { headers, body } = await request<{ items: Job[] }>(url + next);
    names.push(...namesOf(body.items));
    next = /^<(.+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1] ?? '';
    const shown = Date.now();
    await waitFor('a second to pass', () => Date.now() - shown > 1_100);
  }
  expect(names.sort()).toEqual(['quick-0', 'quick-1', 'quick-2', 'slow']);
});

test('a cursor of another order is refused, and so is an unknown order', async () => {
  const newest = (await api.listJobs('?limit=1')).nextCursor;
  const byNextRun = (await api.listJobs('?limit=1&sort=nextRunAt')).nextCursor;
  for (const query of [`sort=nextRunAt&cursor=${newest}`, `cursor=${byNextRun}`])
    expect((await request<Problem>(`${url}/jobs?${query}`)).body).toMatchObject({
      status: 422,
      errors: [{ path: 'cursor', code: 'invalid_cursor' }],
    });
  for (const sort of ['', 'name', '-nextRunAt'])
    expect((await request<Problem>(`${url}/jobs?sort=${sort}`)).body).toMatchObject({
      status: 422,
      errors: [{ path: 'sort', message: 'must be "nextRunAt"' }],
    });
});

test('the reconciler updates next runs that have passed, and a job without runs left comes last', async () => {
  const hourly = await create('hourly', { every: '1h' }, { of: 'renewed' });
  const usedUp = await create('used up', { every: '1h', maxRuns: 1 }, { of: 'renewed' });
  await stack.db.query(
    `INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, state, workflow_id, check_at)
     VALUES (gen_random_uuid(), $1, 'default', 1, 'schedule', '2026-01-01', 'running', 'none', '2090-01-01')`,
    [usedUp.id],
  );
  await stack.db.query(`UPDATE jobs SET next_run_at = DEFAULT WHERE id = $1`, [hourly.id]);
  expect(namesOf(await pages('label=of=renewed'))).toEqual(['hourly', 'used up']);
  const { stop } = await stack.startWorker();
  await waitFor(
    'next_run_at',
    async () => (await notedOf(hourly.id)) === (await api.getJob(hourly.id)).status.nextRunAt,
  );
  await waitFor('next_run_at of the other job', async () => ((await notedOf(usedUp.id)) ?? '1970') > '2000');
  expect(namesOf(await pages('label=of=renewed'))).toEqual(['hourly', 'used up']);
  expect((await api.getJob(usedUp.id)).status.nextRunAt).toBe(null);
  await stop();
});
