import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Problem } from '../../api/rest/problem.ts';
import type { Job } from '../../domain/job/job.ts';
import { apiClient, request } from '../support/client.ts';
import { untilState, untilSynced } from '../support/job-state.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let url: string;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('lifecycle');
  const [service] = await Promise.all([stack.startApi(), stack.startWorker()]);
  ({ url } = service);
  api = apiClient(url);
});
afterAll(() => stack.stop());

const target = (path: string) => ({ type: 'http', url: stack.receiver.url + path });
const soon = (seconds: number) =>
  new Date(Math.ceil(Date.now() / 1_000) * 1_000 + seconds * 1_000).toISOString();
const pause = (id: string, body?: object) => request<Job>(`${url}/jobs/${id}/pause`, 'POST', body);
const resume = (id: string) => request<Job>(`${url}/jobs/${id}/resume`, 'POST');
const describeSchedule = (id: string) => stack.temporal.schedule.getHandle(`scheduler-job-${id}`).describe();

describe('pause and resume', () => {
  test.concurrent('a paused job does not fire; pause and resume are idempotent', async () => {
    const job = await api.createJob({
      name: 'pausable',
      schedule: { every: '1s' },
      target: target('/pausable'),
    });
    await waitFor('a first call', () => stack.receiver.callsTo('/pausable').length > 0);
    const paused = await pause(job.id, { reason: 'maintenance' });
    expect(paused.status).toBe(200);
    expect(paused.body).toMatchObject({
      state: 'paused',
      pause: { reason: 'maintenance', by: 'api', until: null },
      status: { nextRunAt: null },
      sync: { generation: 2 },
    });
    await untilSynced(api, job.id);
    expect((await describeSchedule(job.id)).state).toMatchObject({
      paused: true,
      note: 'generation 2, paused: maintenance',
    });
    // The same request changes nothing. Another reason does.
    expect((await pause(job.id, { reason: 'maintenance' })).body.sync.generation).toBe(2);
    expect((await pause(job.id, { reason: 'still' })).body).toMatchObject({
      pause: { reason: 'still' },
      sync: { generation: 3 },
    });
    await waitFor('open runs to end', async () => (await api.allRuns(job.id)).every((run) => run.endedAt));
    const { length } = stack.receiver.callsTo('/pausable');

    // A manual run still starts.
    const { id } = await api.runJob(job.id);
    await waitFor('the run by hand', async () => (await api.getRun(id)).state === 'succeeded');
    expect(stack.receiver.callsTo('/pausable')).toHaveLength(length + 1);

    const resumed = await resume(job.id);
    expect(resumed.body).toMatchObject({
      state: 'active',
      pause: null,
      sync: { generation: 4 },
    });
    await untilSynced(api, job.id);
    expect((await resume(job.id)).body.sync.generation).toBe(4);
    await waitFor('the job to fire again', () => stack.receiver.callsTo('/pausable').length > length + 2);
    await api.deleteJob(job.id);
  });

  test.concurrent('a pause with until ends by itself', async () => {
    const job = await api.createJob({
      name: 'napping',
      schedule: { every: '1s' },
      target: target('/napping'),
    });
    const until = soon(8);
    expect((await pause(job.id, { until })).body.pause).toMatchObject({
      until: until.replace('.000Z', 'Z'),
      reason: '',
    });
    await untilState(api, job.id, 'active');
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(until));
    await waitFor('the schedule to be resumed', async () => !(await describeSchedule(job.id)).state.paused);
    await api.deleteJob(job.id);
  });

  test.concurrent('resume creates a Temporal Schedule that was lost', async () => {
    const job = await api.createJob({ name: 'lost', schedule: { every: '1s' }, target: target('/lost') });
    await pause(job.id);
    await stack.temporal.schedule.getHandle(`scheduler-job-${job.id}`).delete();
    await resume(job.id);
    await untilSynced(api, job.id);
    const { length } = stack.receiver.callsTo('/lost');
    await waitFor('the job to fire', () => stack.receiver.callsTo('/lost').length > length);
    await api.deleteJob(job.id);
  });

  test('invalid requests are refused', async () => {
    const job = await api.createJob({
      name: 'refusing',
      schedule: { every: '1h' },
      target: target('/refusing'),
    });
    const past = await request<Problem>(`${url}/jobs/${job.id}/pause`, 'POST', {
      until: '2020-01-01T00:00:00Z',
    });
    expect([past.status, past.body.errors?.[0]?.path]).toEqual([422, 'until']);
    const typo = await request<Problem>(`${url}/jobs/${job.id}/pause`, 'POST', { untill: soon(60) });
    expect([typo.status, typo.body.errors?.[0]?.path]).toEqual([422, 'untill']);
    expect((await pause('01a2047b-f3bf-75a1-b4d3-c8083758e9d4')).status).toBe(404);
    expect((await resume('01a2047b-f3bf-75a1-b4d3-c8083758e9d4')).status).toBe(404);
    expect((await api.getJob(job.id)).sync.generation).toBe(1);
  });
});

test.concurrent('jitter delays each start, and keeps its nominal time', async () => {
  const job = await api.createJob({
    name: 'jittery',
    schedule: { every: '2s', jitter: '2s' },
    target: target('/jittery'),
  });
  const runs = await waitFor('eight runs', async () => {
    // On a busy machine, one may be skipped because its predecessor is still running.
    const found = (await api.allRuns(job.id)).filter((run) => run.startedAt && run.endedAt);
    return found.length >= 8 ? found : undefined;
  });
  await api.deleteJob(job.id);
  for (const run of runs) expect(Date.parse(run.scheduledAt) % 2_000).toBe(0);
  const late = runs.map((run) => Date.parse(run.startedAt ?? '') - Date.parse(run.scheduledAt));
  // Eight random times within two seconds practically always span more than 300 ms.
  expect(Math.max(...late) - Math.min(...late)).toBeGreaterThan(300);
});

describe('the times of a schedule', () => {
  const schedule = { cron: '30 2 * * *', timeZone: 'America/New_York' };
  const expected = {
    times: ['2027-03-13T07:30:00Z', '2027-03-14T07:00:00Z', '2027-03-15T06:30:00Z'],
    local: ['2027-03-13T02:30:00-05:00', '2027-03-14T03:00:00-04:00', '2027-03-15T02:30:00-04:00'],
    timeZone: 'America/New_York',
    summary: 'At 02:30, America/New_York',
  };

  test('preview lists them, with warnings', async () => {
    const body = { schedule, from: '2027-03-13T00:00:00Z', limit: 3 };
    const answer = await request<{ warnings: { code: string }[] }>(`${url}/schedules/preview`, 'POST', body);
    expect(answer.body).toMatchObject(expected);
    expect(answer.body.warnings.map(({ code }) => code)).toEqual(['clock_change']);
  });

  test('upcoming lists those of a job', async () => {
    const job = await api.createJob({ name: 'at night', schedule, target: target('/night') });
    const answer = await request(`${url}/jobs/${job.id}/upcoming?limit=3&from=2027-03-13T00:00:00Z`);
    expect(answer.body).toMatchObject(expected);
  });

  test.each<[string, object, string[]]>([
    ['days of month and week that are ORed', { cron: '0 0 13 * 5' }, ['or_days']],
    ['days of month and week that are ANDed', { cron: '0 0 13 * 5', dayMatch: 'and' }, []],
    ['a day that is not in every month', { cron: '0 0 31 * *' }, ['missing_day']],
    ['less than once a year', { cron: '0 0 29 2 *' }, ['missing_day', 'rare']],
    ['more often than once in 10 s', { every: '5s' }, ['frequent']],
    ['nothing', { every: '1m' }, []],
  ])('warns of %s', async (_, warned, codes) => {
    const answer = await request<{ warnings: { code: string }[] }>(`${url}/schedules/preview`, 'POST', {
      schedule: warned,
    });
    expect(answer.body.warnings.map(({ code }) => code)).toEqual(codes);
  });

  test('preview gives nominal times and the jitter, and at most maxRuns times', async () => {
    const body = { schedule: { every: '1h', jitter: '10m', maxRuns: 2 }, from: '2027-01-01T00:00:00Z' };
    const answer = await request(`${url}/schedules/preview`, 'POST', body);
    expect(answer.body).toMatchObject({
      times: ['2027-01-01T01:00:00Z', '2027-01-01T02:00:00Z'],
      jitter: '10m',
    });
  });

  test('preview refuses a schedule that never fires, and stores nothing', async () => {
    const answer = await request<Problem>(`${url}/schedules/preview`, 'POST', {
      schedule: { cron: '0 0 31 2 *' },
    });
    expect([answer.status, answer.body.errors?.[0]?.code]).toEqual([422, 'never_fires']);
  });
});
