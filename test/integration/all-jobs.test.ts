import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Problem } from '../../api/rest/problem.ts';
import { apiClient, request, type ApiAnswer, type Page } from '../support/client.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { withRevisions } from '../support/with-revisions.ts';

let stack: Stack;
let url: string;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('all-jobs');
  ({ url } = await stack.startApi());
  api = apiClient(url);
});
afterAll(() => stack.stop());

interface Upcoming {
  jobId: string;
  name: string;
  scheduledAt: string;
  local: string;
  timeZone: string;
  movedFrom: string[];
}

const create = (name: string, schedule: object, more: object = {}) =>
  api.createJob({ name, schedule, target: { type: 'http', url: `${stack.receiver.url}/` }, ...more });

/** All entries of a list. Follows its links only. */
async function follow<Item>(path: string): Promise<Item[]> {
  const items: Item[] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const { status, headers, body }: ApiAnswer<Page<Item>> = await request(url + next);
    expect({ status, body }).toMatchObject({ status: 200 });
    items.push(...body.items);
    next = /^<(.+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
  }
  return items;
}
const upcoming = async (query: string) =>
  (await follow<Upcoming>(`/upcoming?${query}`)).map(({ name, scheduledAt }) => `${scheduledAt} ${name}`);
const refused = async (path: string, method = 'GET', body?: unknown) =>
  (await request<Problem>(url + path, method, body)).body;

test.concurrent(
  'upcoming: the occurrences of all jobs come in the order of time, on pages of any size',
  async () => {
    const labels = { of: 'order' };
    const hourly = await create('hourly', { cron: '0 * * * *', timeZone: 'Asia/Kolkata' }, { labels });
    await create('two hourly', { every: '2h' }, { labels });
    await create('twice', { every: '1h', maxRuns: 2 }, { labels });
    await create('once', { at: '2090-01-01T03:00:00Z' }, { labels });
    const paused = await create('paused', { every: '1h' }, { labels });
    await api.pauseJob(paused.id);
    const deleted = await create('deleted', { every: '1h' }, { labels });
    await api.deleteJob(deleted.id);
    const window = 'label=of=order&from=2090-01-01T00:00:00Z&to=2090-01-01T04:00:00Z';
    const wanted = [
      '2090-01-01T00:30:00Z hourly',
      '2090-01-01T01:00:00Z twice',
      '2090-01-01T01:30:00Z hourly',
      '2090-01-01T02:00:00Z two hourly',
      '2090-01-01T02:00:00Z twice',
      '2090-01-01T02:30:00Z hourly',
      '2090-01-01T03:00:00Z once',
      '2090-01-01T03:30:00Z hourly',
    ];
    for (const limit of [1, 2, 3, 200]) expect(await upcoming(`${window}&limit=${limit}`)).toEqual(wanted);
    expect(await upcoming(`${window}&q=TW&limit=1`)).toEqual(wanted.filter((line) => line.includes(' tw')));
    expect((await follow<Upcoming>(`/upcoming?${window}&limit=1`))[0]).toEqual({
      jobId: hourly.id,
      name: 'hourly',
      scheduledAt: '2090-01-01T00:30:00Z',
      local: '2090-01-01T06:00:00+05:30',
      timeZone: 'Asia/Kolkata',
      movedFrom: [],
    });
    // Those of one job are what its own list shows.
    const [own, all] = [
      await request<{ times: string[] }>(`${url}/jobs/${hourly.id}/upcoming?limit=50`),
      await request<Page<Upcoming>>(`${url}/upcoming?label=of=order&q=hourly&limit=200`),
    ];
    const times = all.body.items.filter(({ jobId }) => jobId === hourly.id).map((item) => item.scheduledAt);
    expect(times.slice(0, 50)).toEqual(own.body.times);
  },
);

test.concurrent('upcoming: an occurrence that business days have moved says whence', async () => {
  await request(`${url}/calendars`, 'POST', {
    name: 'moved',
    weekdays: ['MON', 'TUE', 'WED', 'THU', 'FRI'],
  });
  const schedule = { cron: '0 9 1 * *', businessDays: { calendar: 'moved', otherwise: 'next' } };
  await create('monthly', schedule, { labels: { of: 'moved' } });
  // A year of months, some of which begin with a weekend.
  const items = await follow<Upcoming>(
    `/upcoming?label=of=moved&to=${new Date(Date.now() + 300 * 86_400_000).toISOString()}`,
  );
  const moved = items.filter(({ movedFrom }) => movedFrom.length > 0);
  expect(moved.length).toBeGreaterThan(0);
  for (const { scheduledAt, movedFrom } of moved)
    expect([scheduledAt.slice(8, 10), movedFrom[0]?.slice(8)]).toEqual([
      expect.stringMatching(/^0[23]$/),
      '01',
    ]);
});

test.concurrent('upcoming: a job of each second over a year is read by pages', async () => {
  await create('seconds', { every: '1s' }, { labels: { of: 'seconds' } });
  const path = '/upcoming?label=of=seconds&from=2090-01-01T00:00:00Z&to=2090-12-31T00:00:00Z&limit=200';
  const first = await request<Page<Upcoming>>(url + path);
  const second = await request<Page<Upcoming>>(`${url}${path}&cursor=${first.body.nextCursor}`);
  const times = [...first.body.items, ...second.body.items].map(({ scheduledAt }) => Date.parse(scheduledAt));
  expect(times).toEqual(
    Array.from({ length: 400 }, (_, index) => Date.UTC(2090, 0, 1) + (index + 1) * 1_000),
  );
});

test.concurrent(
  'upcoming: many jobs are found by their stored next runs, and too many are refused',
  async () => {
    const { id } = await create('many', { at: '2080-01-01T00:00:00Z' }, { labels: { of: 'many' } });
    const copies = (count: number, of: string, next: string) =>
      stack.db.query(
        withRevisions(`INSERT INTO jobs
       SELECT (jsonb_populate_record(job, jsonb_build_object(
         'id', gen_random_uuid(), 'name', '${of}-' || number, 'next_run_at', ${next}, 'labels', jsonb_build_object('of', '${of}'),
         'schedule', jsonb_build_object('timeZone', 'UTC', 'at', jsonb_build_array(
           to_char(timestamp '2080-01-01' + (number % 700) * interval '1 min', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))))).*
       FROM jobs AS job, generate_series(1, ${count}) AS number WHERE job.id = $1`),
        [id],
      );
    await copies(700, 'few', `timestamptz 'epoch'`);
    await copies(10_001, 'masses', `timestamptz '2080-01-01Z' + (number % 700) * interval '1 min'`);
    const window = 'from=2079-12-31T00:00:00Z&to=2080-01-02T00:00:00Z';
    const lines = await upcoming(`label=of=few&${window}&limit=90`);
    expect(new Set(lines).size).toBe(700);
    expect(lines).toEqual([...lines].sort());
    // The first page of many needs few of them.
    const page = await request<Page<Upcoming>>(`${url}/upcoming?label=of=masses&${window}&limit=14`);
    expect(page.body.items.map(({ scheduledAt }) => scheduledAt)).toEqual(
      Array(14).fill('2080-01-01T00:00:00Z'),
    );
    expect(await refused(`/upcoming?label=of=masses&from=2080-01-01T23:00:00Z`)).toMatchObject({
      status: 422,
      code: 'too_many',
      detail: expect.stringMatching(/narrow it by label or q/),
    });
  },
);

test.concurrent.each([
  ['from=2090-01-02T00:00:00Z&to=2090-01-01T00:00:00Z', 'to', /must be after 2090-01-02/],
  ['to=2020-01-01T00:00:00Z', 'to', /the later of from and now/],
  ['from=2090-01-01T00:00:00Z&to=2099-01-01T00:00:00Z', 'to', /more than 366 days/],
  ['from=tomorrow', 'from', /RFC 3339/],
  ['limit=201', 'limit', /200/],
  ['cursor=x', 'cursor', /nextCursor/],
  ['label=', 'label[0]', /write key=value/],
  ['state=active', 'state', /./],
])('upcoming: %s is refused with what would be right', async (query, path, message) => {
  const problem = await refused(`/upcoming?${query}`);
  expect(problem).toMatchObject({ status: 422, errors: [{ path }] });
  expect(problem.errors?.[0]?.message).toMatch(message);
});
