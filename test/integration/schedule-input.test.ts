import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Problem } from '../../api/rest/problem.ts';
import type { Job } from '../../domain/job/job.ts';
import { apiClient, request } from '../support/client.ts';
import { untilSynced } from '../support/job-state.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { withRevisions } from '../support/with-revisions.ts';

let stack: Stack;
let url: string;
let api: ReturnType<typeof apiClient>;
let made = 0;

beforeAll(async () => {
  stack = await createStack('schedule-input');
  const [service] = await Promise.all([stack.startApi(), stack.startWorker()]);
  url = service.url;
  api = apiClient(url);
});
afterAll(() => stack.stop());

const target = { type: 'http', url: 'https://example.com/' };
const withSchedule = (schedule: object) => ({ name: `job ${++made}`, schedule, target });
const codesOf = (job: Job) => job.schedule.warnings?.map(({ code }) => code);
const synced = (id: string) => untilSynced(api, id);

/** Stores a schedule that only an older version accepted, and makes the reconciler sync the job. */
async function store(id: string, schedule: object): Promise<void> {
  await stack.db.query(
    withRevisions(`UPDATE jobs SET schedule = $2, generation = generation + 1, schedule_generation = schedule_generation + 1, sync_after = now()
     WHERE id = $1`),
    [id, JSON.stringify(schedule)],
  );
}

describe('a time zone', () => {
  test('in other case is stored as the tz database spells it, by POST, PUT and PATCH', async () => {
    const job = await api.createJob(withSchedule({ cron: '0 9 * * *', timeZone: 'europe/berlin' }));
    expect(job.schedule.timeZone).toBe('Europe/Berlin');
    await synced(job.id);
    const patched = await api.patchJob(job.id, { schedule: { timeZone: 'america/new_york' } });
    expect(patched.schedule.timeZone).toBe('America/New_York');
    await synced(job.id);
    const put = await api.putJob(job.id, withSchedule({ cron: '0 9 * * *', timeZone: 'utc' }));
    expect(put.schedule.timeZone).toBe('UTC');
    await synced(job.id);
  });

  test.each(['US/Pacific-New', 'SystemV/PST8PDT'])(
    '%s is refused by every operation, and nothing is stored',
    async (timeZone) => {
      const schedule = { every: '5m', timeZone };
      const { id } = await api.createJob(withSchedule({ every: '5m' }));
      const answers = await Promise.all([
        request<Problem>(`${url}/jobs`, 'POST', { ...withSchedule(schedule), name: timeZone }),
        request<Problem>(`${url}/jobs/${id}`, 'PUT', withSchedule(schedule)),
        request<Problem>(`${url}/jobs/${id}`, 'PATCH', { schedule: { timeZone } }),
        request<Problem>(`${url}/schedules/preview`, 'POST', { schedule }),
      ]);
      for (const { status, body } of answers) {
        expect(status).toBe(422);
        expect(body.errors).toEqual([
          expect.objectContaining({
            path: 'schedule.timeZone',
            message: expect.stringContaining('"America/Los_Angeles"'),
          }),
        ]);
      }
      expect((await api.listJobs(`?name=${encodeURIComponent(timeZone)}`)).items).toEqual([]);
    },
  );

  test.each(['europe/berlin', 'US/Pacific-New'])('%s of a stored job is corrected', async (timeZone) => {
    const { id } = await api.createJob(withSchedule({ cron: '0 9 * * *', timeZone: 'UTC' }));
    await store(id, { cron: '0 9 * * *', timeZone });
    await synced(id);
    const { spec } = await stack.temporal.schedule.getHandle(`scheduler-job-${id}`).describe();
    expect(spec.timezone).toBe(timeZone === 'europe/berlin' ? 'Europe/Berlin' : 'America/Los_Angeles');
  });
});

test('a stored calendar with a name that is refused today does not block other changes', async () => {
  const { id } = await api.createJob(withSchedule({ calendar: [{ dayOfWeek: 'SUN' }] }));
  await store(id, { calendar: [{ dayOfWeek: 'SUNFLOWER' }], timeZone: 'UTC' });
  await synced(id);
  expect(await api.patchJob(id, { description: 'sunny' })).toMatchObject({ description: 'sunny' });
  const patchDay = (dayOfWeek: string) =>
    request(`${url}/jobs/${id}`, 'PATCH', { schedule: { calendar: [{ dayOfWeek }] } });
  // An unchanged field is no change.
  expect((await patchDay('SUNFLOWER')).status).toBe(200);
  expect((await patchDay('MONSTER')).status).toBe(422);
});

describe('at', () => {
  const timeZone = 'Europe/Berlin';

  test('as local time is stored as written, and fires in its time zone, in preview, job and Temporal', async () => {
    const schedule = { at: ['2096-03-25T02:30:00', '2096-07-01T09:00:00'], timeZone };
    const times = ['2096-03-25T01:00:00Z', '2096-07-01T07:00:00Z'];
    const preview = await request<{ times: string[] }>(`${url}/schedules/preview`, 'POST', { schedule });
    expect(preview.body.times).toEqual(times);
    const job = await api.createJob(withSchedule(schedule));
    expect(job.schedule).toMatchObject(schedule);
    expect(job.status.upcoming).toEqual(times);
    await synced(job.id);
    const { info } = await stack.temporal.schedule.getHandle(`scheduler-job-${job.id}`).describe();
    expect(info.nextActionTimes.map((time) => time.toISOString().replace('.000Z', 'Z'))).toEqual(times);
  });

  test('with an instant in the past accepts another one, but no new one in the past', async () => {
    const { id } = await api.createJob(withSchedule({ at: '2090-01-01T00:00:00Z' }));
    const past = ['2020-01-01T00:00:00Z', '2090-01-01T00:00:00Z'];
    await store(id, { at: past, timeZone: 'UTC' });
    const at = [...past, '2091-01-01T00:00:00Z'];
    expect((await api.patchJob(id, { schedule: { at } })).schedule).toMatchObject({ at });
    await api.patchJob(id, { schedule: { endAt: '2092-01-01T00:00:00Z' } });
    const answer = await request<Problem>(`${url}/jobs/${id}`, 'PATCH', {
      schedule: { at: [...at, '2021-01-01T00:00:00Z'] },
    });
    expect(answer.body.errors).toEqual([
      expect.objectContaining({ path: 'schedule.at[3]', code: 'in_the_past' }),
    ]);
  });
});

test('an interval counts from startAt, in preview, job and Temporal', async () => {
  const schedule = { every: '7m', startAt: '2090-01-01T00:00:30Z' };
  const plain = await api.createJob(withSchedule(schedule));
  expect(codesOf(plain)).toEqual(['counts_from_1970']);
  const job = await api.patchJob(plain.id, { schedule: { anchor: 'startAt' } });
  expect(codesOf(job)).toEqual([]);
  expect(job.status.upcoming.slice(0, 2)).toEqual(['2090-01-01T00:00:30Z', '2090-01-01T00:07:30Z']);
  await synced(job.id);
  const { info } = await stack.temporal.schedule.getHandle(`scheduler-job-${job.id}`).describe();
  expect(info.nextActionTimes[0]?.toISOString()).toBe('2090-01-01T00:00:30.000Z');
});

test('a job is answered with its warnings, also after a change, but lists have none', async () => {
  const input = withSchedule({ cron: '0 0 13 * 5' });
  const job = await api.createJob(input);
  expect(codesOf(job)).toEqual(['or_days']);
  expect(codesOf(await api.patchJob(job.id, { schedule: { cron: '0 0 31 * *' } }))).toEqual(['missing_day']);
  expect(codesOf(await api.putJob(job.id, input))).toEqual(['or_days']);
  expect(codesOf(await api.getJob(job.id))).toEqual(['or_days']);
  const { items } = await api.listJobs(`?name=${encodeURIComponent(job.name)}`);
  expect(items.map(codesOf)).toEqual([undefined]);
});

test('a plus sign in the query parameter from needs no escaping', async () => {
  const { id } = await api.createJob(withSchedule({ every: '1h' }));
  const answer = await request<{ times: string[] }>(
    `${url}/jobs/${id}/upcoming?limit=1&from=2090-01-01T00:00:00+01:00`,
  );
  expect(answer.body.times).toEqual(['2090-01-01T00:00:00Z']);
});
