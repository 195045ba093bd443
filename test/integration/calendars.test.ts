import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BusinessCalendar } from '../../domain/business-calendar/business-calendar.ts';
import type { Job } from '../../domain/job/job.ts';
import type { Revision } from '../../domain/job/revision.ts';
import { apiClient, request, type Page } from '../support/client.ts';
import { untilSynced } from '../support/job-state.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let url: string;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('calendars');
  ({ url } = await stack.startApi());
  await stack.startWorker();
  api = apiClient(url);
});
afterAll(() => stack.stop());

interface Problem {
  code: string;
  detail: string;
  errors?: { path: string; code: string; message: string }[];
}
interface Effects {
  calendar: BusinessCalendar;
  jobs: number;
  moved: number;
  examples: { name: string; gone: string[]; added: string[]; isCut: boolean }[];
}

const EVERY_DAY = ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN'];
const create = async (calendar: object, headers = {}) =>
  request<BusinessCalendar & Problem>(`${url}/calendars`, 'POST', calendar, headers);
const put = (name: string, calendar: object, headers = {}) =>
  request<BusinessCalendar & Problem>(`${url}/calendars/${name}`, 'PUT', calendar, headers);
const target = () => ({ type: 'http', url: `${stack.receiver.url}/calendars` });
const holiday = (date: string) => ({ date, name: 'x' });
const upcomingOf = async (id: string) =>
  (
    await request<{ local: string[]; moved: { time: string; from: string[] }[] }>(
      `${url}/jobs/${id}/upcoming?limit=4&from=2030-12-01T00:00:00Z`,
    )
  ).body;
const datesOf = (local: string[]) => local.map((time) => time.slice(0, 10));

describe('a calendar', () => {
  test('is created once, read, changed with If-Match, and deleted', async () => {
    const first = await create({ name: 'life' }, { 'Idempotency-Key': 'life' });
    expect([first.status, first.headers.get('location'), first.headers.get('etag')]).toEqual([
      201,
      '/calendars/life',
      '"1"',
    ]);
    expect(first.body).toMatchObject({
      weekdays: ['MON', 'TUE', 'WED', 'THU', 'FRI'],
      holidays: [],
      usedBy: 0,
    });
    const replayed = await create({ name: 'life' }, { 'Idempotency-Key': 'life' });
    expect([replayed.status, replayed.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    const taken = await create({ name: 'life' });
    expect([taken.status, taken.body.code]).toEqual([409, 'name_taken']);

    const stale = await put('life', {}, { 'If-Match': '"7"' });
    expect([stale.status, stale.body.detail]).toEqual([
      412,
      expect.stringContaining('The calendar has changed'),
    ]);
    const changed = await put('life', { holidays: [holiday('2030-12-25')] }, { 'If-Match': '"1"' });
    expect([changed.status, changed.body.generation, changed.headers.get('etag')]).toEqual([200, 2, '"2"']);
    const same = await put('life', { holidays: [holiday('2030-12-25')] });
    expect(same.body.generation).toBe(2);
    const patched = await request<BusinessCalendar>(`${url}/calendars/life`, 'PATCH', {
      through: '2031-12-31',
    });
    expect(patched.body).toMatchObject({
      generation: 3,
      holidays: [holiday('2030-12-25')],
      through: '2031-12-31',
    });

    const { body: revisions } = await request<Page<Revision>>(`${url}/calendars/life/revisions`);
    expect(
      revisions.items.map(({ generation, action, changes }) => [generation, action, Object.keys(changes)]),
    ).toEqual([
      [3, 'changed', ['through']],
      [2, 'changed', ['holidays']],
      [1, 'created', []],
    ]);
    const { body: list } = await request<Page<BusinessCalendar>>(`${url}/calendars?limit=200`);
    expect(list.items.find(({ name }) => name === 'life')?.generation).toBe(3);

    expect((await request(`${url}/calendars/life`, 'DELETE')).status).toBe(204);
    expect((await request(`${url}/calendars/life`)).status).toBe(404);
    expect((await request(`${url}/calendars/life`, 'DELETE')).status).toBe(404);
  });

  test('lists the days of a year, with the names of included calendars', async () => {
    await create({
      name: 'days-state',
      holidays: [{ from: '2030-12-25', to: '2030-12-26', name: 'Christmas' }],
    });
    await create({
      name: 'days',
      include: ['days-state'],
      workingDays: [{ date: '2030-12-28', name: 'Makes up' }],
    });
    const { body } = await request<{
      workingDays: number;
      days: { date: string; isWorkingDay: boolean; names: string[] }[];
    }>(`${url}/calendars/days/days?year=2030`);
    // 261 days from Monday to Friday, two of them off, and a Saturday.
    expect([body.days.length, body.workingDays]).toEqual([365, 260]);
    expect(body.days.filter(({ names }) => names.length > 0)).toEqual([
      { date: '2030-12-25', isWorkingDay: false, names: ['Christmas'] },
      { date: '2030-12-26', isWorkingDay: false, names: ['Christmas'] },
      { date: '2030-12-28', isWorkingDay: true, names: ['Makes up'] },
    ]);
  });

  test('is read from an iCalendar file', async () => {
    const ics = [
      'BEGIN:VCALENDAR',
      'BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Christmas\r\nDTSTART;VALUE=DATE:20201225\r\nRRULE:FREQ=YEARLY\r\nEND:VEVENT',
      'BEGIN:VEVENT\r\nUID:2\r\nSUMMARY:Meeting\r\nDTSTART:20300102T090000Z\r\nDTEND:20300102T100000Z\r\nEND:VEVENT',
      'END:VCALENDAR',
    ].join('\r\n');
    const input = { name: 'imported', ics, from: '2030-01-01', through: '2031-12-31' };
    const imported = await request<{ calendar: BusinessCalendar; leftOut: object[] }>(
      `${url}/calendars/import`,
      'POST',
      input,
    );
    expect(imported.status).toBe(201);
    expect(imported.body.calendar.holidays).toEqual(
      ['2030', '2031'].map((year) => ({ date: `${year}-12-25`, name: 'Christmas' })),
    );
    expect(imported.body.leftOut).toEqual([{ event: 'Meeting', reason: 'it is not a whole day' }]);
    expect((await request(`${url}/calendars/import`, 'POST', input)).status).toBe(409);
    const again = await request<{ calendar: BusinessCalendar }>(
      `${url}/calendars/import?replace=true`,
      'POST',
      {
        ...input,
        through: '2030-12-31',
      },
    );
    expect([again.status, again.body.calendar.generation, again.body.calendar.holidays.length]).toEqual([
      201, 2, 1,
    ]);
  });

  test('an iCalendar file without end is given up, and holds nobody up', async () => {
    const ics =
      'BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30\r\nEND:VEVENT\r\nEND:VCALENDAR';
    const reading = request<Problem>(`${url}/calendars/import`, 'POST', { name: 'endless', ics });
    await sleep(500);
    const began = Date.now();
    for (let count = 0; count < 20; count++) expect((await request(`${url}/livez`)).status).toBe(200);
    // Twenty answers in the time that one would wait for the file.
    expect(Date.now() - began).toBeLessThan(4_000);
    const refused = await reading;
    expect([refused.status, refused.body.errors?.[0]?.code]).toEqual([422, 'unreadable']);
  });

  test.each<[string, object, string, RegExp]>([
    ['no name', {}, 'name', /./],
    ['a name that is no part of an address', { name: 'De/By' }, 'name', /lower-case/],
    ['itself', { name: 'own', include: ['own'] }, 'include', /cannot include itself/],
    [
      'a calendar that does not exist',
      { name: 'x', include: ['nowhere'] },
      'include[0]',
      /no calendar "nowhere"/,
    ],
    ['no working day', { name: 'x', weekdays: [] }, 'weekdays', /at least one working day/],
    [
      'too many holidays',
      { name: 'x', holidays: Array.from({ length: 10_000 }, () => holiday('2030-01-01')) },
      'holidays',
      /2000/,
    ],
    ['a misspelt field', { name: 'x', holliday: [] }, 'holliday', /misspelt/],
  ])('with %s is refused', async (_, calendar, path, message) => {
    const { status, body } = await create(calendar);
    expect(status).toBe(422);
    expect(body.errors).toContainEqual(
      expect.objectContaining({ path, message: expect.stringMatching(message) }),
    );
  });

  test('is refused if it would include itself through others, and stays as it is', async () => {
    await create({ name: 'circle-a' });
    await create({ name: 'circle-b', include: ['circle-a'] });
    const { status, body } = await put('circle-a', { include: ['circle-b'] });
    expect([status, body.errors?.[0]?.code]).toEqual([422, 'includes_itself']);
    const { body: held } = await request<BusinessCalendar>(`${url}/calendars/circle-a`);
    expect([held.generation, held.include]).toEqual([1, []]);
  });
});

describe('a job on business days', () => {
  test('fires on working days, says whence it was moved, and keeps its calendar from being deleted', async () => {
    await create({ name: 'office', holidays: [holiday('2030-12-25')] });
    const schedule = {
      cron: '0 9 25,31 12 *',
      timeZone: 'Europe/Berlin',
      businessDays: { calendar: 'office', otherwise: 'next' },
    };
    const job = await api.createJob({ name: 'on office days', schedule, target: target() });
    expect(job.schedule.summary).toContain('on working days of office, else on the next one');
    expect(JSON.stringify(job)).not.toContain('"days"');
    const { local, moved } = await upcomingOf(job.id);
    expect(datesOf(local).slice(0, 2)).toEqual(['2030-12-26', '2030-12-31']);
    expect(moved[0]).toEqual({ time: '2030-12-26T08:00:00Z', from: ['2030-12-25'] });
    const preview = await request<{ local: string[] }>(`${url}/schedules/preview`, 'POST', {
      schedule,
      from: '2030-12-01T00:00:00Z',
    });
    expect(datesOf(preview.body.local).slice(0, 2)).toEqual(['2030-12-26', '2030-12-31']);

    const used = await request<Problem>(`${url}/calendars/office`, 'DELETE');
    expect([used.status, used.body.code, used.body.detail]).toEqual([
      409,
      'calendar_in_use',
      expect.stringContaining('job "on office days"'),
    ]);
    // What does not concern the schedule leaves it as it is.
    const labelled = await api.patchJob(job.id, { labels: { a: 'b' } });
    expect(labelled.schedule).toEqual(job.schedule);
    await api.deleteJob(job.id);
    expect((await request(`${url}/calendars/office`, 'DELETE')).status).toBe(204);
  });

  test.each<[string, object, string, RegExp]>([
    [
      'a calendar that does not exist',
      { cron: '0 9 * * *', businessDays: { calendar: 'nowhere' } },
      'schedule.businessDays.calendar',
      /no calendar "nowhere"/,
    ],
    [
      'an interval that is to be moved',
      { every: '1h', businessDays: { calendar: 'nowhere', otherwise: 'next' } },
      'schedule.businessDays.otherwise',
      /only "skip"/,
    ],
    [
      'a working day by number without a calendar',
      { calendar: [{ hour: 9, businessDay: -1 }] },
      'schedule.calendar[0].businessDay',
      /needs businessDays/,
    ],
    [
      'the working day 0',
      { calendar: [{ hour: 9, businessDay: 0 }], businessDays: { calendar: 'nowhere' } },
      'schedule.calendar[0].businessDay',
      /./,
    ],
    [
      'business days of instants',
      { at: '2030-01-01T00:00:00Z', businessDays: { calendar: 'x' } },
      'schedule',
      /businessDays/,
    ],
  ])('with %s is refused', async (name, schedule, path, message) => {
    const { status, body } = await request<Problem>(`${url}/jobs`, 'POST', {
      name,
      schedule,
      target: target(),
    });
    expect(status).toBe(422);
    const faults = (body.errors ?? []).map((fault) => `${fault.path}: ${fault.message}`);
    expect(faults.filter((fault) => fault.startsWith(path)).join()).toMatch(message);
  });

  test('follows a change of its calendar, also of one that this includes; a dry run shows what moves', async () => {
    await create({ name: 'land' });
    await create({ name: 'firm', include: ['land'] });
    const soon = new Date(Date.now() + 30 * 86_400_000);
    soon.setUTCDate(soon.getUTCDate() + ((10 - soon.getUTCDay()) % 7));
    const wednesday = soon.toISOString().slice(0, 10);
    const thursday = new Date(soon.getTime() + 86_400_000).toISOString().slice(0, 10);
    const schedule = {
      cron: `0 9 ${soon.getUTCDate()} ${soon.getUTCMonth() + 1} *`,
      businessDays: { calendar: 'firm', otherwise: 'next' },
    };
    const job = await api.createJob({ name: 'follows', schedule, target: target() });
    expect(job.status.nextRunAt).toBe(`${wednesday}T09:00:00Z`);

    const holidays = [holiday(wednesday)];
    const dry = await request<Effects>(`${url}/calendars/land?dryRun=true`, 'PUT', { holidays });
    expect(dry.body).toMatchObject({ jobs: 1, moved: 1, calendar: { name: 'land', generation: 2 } });
    expect(dry.body.examples).toEqual([
      expect.objectContaining({
        name: 'follows',
        gone: [`${wednesday}T09:00:00Z`],
        added: [`${thursday}T09:00:00Z`],
      }),
    ]);
    expect((await api.getJob(job.id)).status.nextRunAt).toBe(`${wednesday}T09:00:00Z`);

    await put('land', { holidays });
    const followed = await waitFor('the job to follow', async () => {
      const read = await api.getJob(job.id);
      return read.status.nextRunAt === `${thursday}T09:00:00Z` ? read : undefined;
    });
    await untilSynced(api, job.id);
    const { info } = await stack.temporal.schedule.getHandle(`scheduler-job-${job.id}`).describe();
    expect(info.nextActionTimes[0]?.toISOString()).toBe(`${thursday}T09:00:00.000Z`);
    const { items } = await api.listRevisions(job.id);
    expect(items[0]).toMatchObject({
      by: 'calendar',
      action: 'changed',
      generation: followed.sync.generation,
    });
  });

  test('each occurrence runs once while its calendar changes again and again, and none on a day off', async () => {
    await create({ name: 'busy', weekdays: EVERY_DAY });
    const job = await api.createJob({
      name: 'busy',
      schedule: { cron: '*/2 * * * * *', businessDays: { calendar: 'busy' } },
      policy: { overlap: 'allowAll' },
      target: { type: 'http', url: `${stack.receiver.url}/busy` },
    });
    await waitFor('a call', () => stack.receiver.callsTo('/busy').length > 0);
    for (let change = 0; change < 4; change++) {
      await put('busy', { weekdays: EVERY_DAY, holidays: [holiday(`2090-01-0${change + 1}`)] });
      await sleep(3_000);
    }
    const today = new Date().toISOString().slice(0, 10);
    await put('busy', { weekdays: EVERY_DAY, holidays: [holiday(today)] });
    await waitFor('the job to follow', async () => {
      const { nextRunAt } = (await api.getJob(job.id)).status;
      return nextRunAt !== null && !nextRunAt.startsWith(today);
    });
    await untilSynced(api, job.id);
    await waitFor('all runs to end', async () =>
      (await api.allRuns(job.id)).every(({ endedAt }) => endedAt !== null),
    );
    const times = (await api.allRuns(job.id))
      .map(({ scheduledAt }) => Date.parse(scheduledAt))
      .sort((a, b) => a - b);
    expect(times).toEqual(times.map((_, index) => (times[0] as number) + index * 2_000));
    const keys = stack.receiver.callsTo('/busy').map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.length).toBe(times.length);
    const after = keys.length;
    await sleep(5_000);
    expect(stack.receiver.callsTo('/busy').length).toBe(after);
  });

  test('warns of a calendar that ends soon', async () => {
    const through = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
    await create({ name: 'ending', through });
    const job: Job = await api.createJob({
      name: 'ending',
      schedule: { cron: '0 9 * * *', businessDays: { calendar: 'ending' } },
      target: target(),
    });
    expect(job.schedule.warnings?.map(({ code }) => code)).toContain('calendar_ends');
  });
});

test('a run says from which day it was moved', async () => {
  const dayBefore = (time: string) =>
    new Date(Date.parse(time.slice(0, 10)) - 86_400_000).toISOString().slice(0, 10);
  const yesterday = dayBefore(new Date().toISOString());
  await create({ name: 'yesterday-off', weekdays: EVERY_DAY, holidays: [holiday(yesterday)] });
  const job = await api.createJob({
    name: 'moved',
    schedule: {
      cron: '*/2 * * * * *',
      timeZone: 'UTC',
      businessDays: { calendar: 'yesterday-off', otherwise: 'next' },
    },
    target: target(),
  });
  const run = await waitFor('a run', async () =>
    (await api.allRuns(job.id)).find(({ state }) => state === 'succeeded'),
  );
  expect(run.movedFrom).toEqual(dayBefore(run.scheduledAt) === yesterday ? [yesterday] : null);
  await api.deleteJob(job.id);
});
