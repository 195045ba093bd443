import { describe, expect, test } from '@jest/globals';
import { parseInput } from '../../../../api/rest/validation.ts';
import { SchedulerError, type FieldError } from '../../../../domain/errors.ts';
import { compileSchedule } from '../../../../domain/schedule/compile-schedule.ts';
import { JobInput } from '../../../../domain/job/job.ts';
import { Schedule } from '../../../../domain/schedule/schedule.ts';

const target = { type: 'http', url: 'https://example.com/' };
const schedule = { every: '5m' };

function faultsOf(input: unknown): FieldError[] {
  try {
    parseInput(JobInput, input);
  } catch (error) {
    if (error instanceof SchedulerError) return error.errors;
    throw error;
  }
  return [];
}

describe('the messages for wrong input', () => {
  test.each<[string, unknown, { path: string; message: RegExp }[]]>([
    ['no object', 'x', [{ path: '', message: /must be an object, not a string/ }]],
    [
      'nothing given',
      {},
      [
        { path: 'name', message: /required/ },
        { path: 'schedule', message: /required|needs/ },
        { path: 'target', message: /required|type/ },
      ],
    ],
    ['a typo', { name: 'x', schedule, target, retries: 3 }, [{ path: 'retries', message: /no such field/ }]],
    [
      'a number for a name',
      { name: 5, schedule, target },
      [{ path: 'name', message: /must be a string, not a number/ }],
    ],
    [
      'a number for a secret, and for a header',
      { name: 'x', schedule, target: { ...target, headers: { A: { secret: 5 }, B: 5 } } },
      [
        { path: 'target.headers.A.secret', message: /^must be a string, not a number; or must be true$/ },
        { path: 'target.headers.B', message: /^must be a string, not a number; or must be an object/ },
      ],
    ],
    [
      'a secret that is none',
      { name: 'x', schedule, target: { ...target, signing: { secret: 'whsec_?', previousSecret: false } } },
      [
        {
          path: 'target.signing.secret',
          message: /^must be "whsec_" and the base64 of 24 to 64 random bytes$/,
        },
        {
          path: 'target.signing.previousSecret',
          message: /^must be a string, not a boolean; or must be true$/,
        },
      ],
    ],
    [
      'no kind of schedule',
      { name: 'x', schedule: {}, target },
      [{ path: 'schedule', message: /exactly one of "cron", "every", "at", "calendar"/ }],
    ],
    [
      'two kinds of schedule',
      { name: 'x', schedule: { cron: '* * * * *', every: '5m' }, target },
      [{ path: 'schedule', message: /exclude each other/ }],
    ],
    [
      'a field of another kind',
      { name: 'x', schedule: { every: '5m', dayMatch: 'or' }, target },
      [{ path: 'schedule.dayMatch', message: /no such field/ }],
    ],
    [
      'a wrong cron',
      { name: 'x', schedule: { cron: '0 25 * * *' }, target },
      [{ path: 'schedule.cron', message: /hour 25 is out of range 0–23/ }],
    ],
    [
      'a wrong cron in a list',
      { name: 'x', schedule: { cron: ['@daily', 'x'] }, target },
      [{ path: 'schedule.cron[1]', message: /expected 5 fields/ }],
    ],
    [
      'a cron that is a number',
      { name: 'x', schedule: { cron: 5 }, target },
      [{ path: 'schedule.cron', message: /must be a string, not a number; or must be an array/ }],
    ],
    [
      'wrong zone and wrong cron',
      { name: 'x', schedule: { cron: 'x', timeZone: 'Mars/Olympus' }, target },
      [
        { path: 'schedule.cron', message: /expected 5 fields/ },
        { path: 'schedule.timeZone', message: /"Mars\/Olympus" is not a known time zone/ },
      ],
    ],
    [
      'a header with a line break',
      { name: 'x', schedule, target: { ...target, headers: { 'a\nb': 'c' } } },
      [{ path: 'target.headers["a\\nb"]', message: /valid header name/ }],
    ],
    [
      'an unknown target',
      { name: 'x', schedule, target: { type: 'fax' } },
      [{ path: 'target.type', message: /http/ }],
    ],
  ])('%s', (_, input, expected) => {
    const faults = faultsOf(input);
    expect(faults).toEqual(
      expected.map(({ path, message }) =>
        expect.objectContaining({ path, message: expect.stringMatching(message) }),
      ),
    );
  });
});

describe('schedules that contradict themselves', () => {
  test.each<[unknown, string, RegExp]>([
    [{ cron: null, every: '5m' }, 'schedule.cron', /must not be null; leave the field out/],
    [{ every: '5m', dayMatch: null }, 'schedule.dayMatch', /must not be null/],
    [{ every: '5m', endAt: null }, 'schedule.endAt', /must not be null/],
    [{ cron: null }, 'schedule.cron', /must not be null/],
    [
      { cron: '* * * * *', every: '5m', at: '2030-01-01T00:00:00Z' },
      'schedule',
      /^holds cron and every and at, which exclude each other; a schedule has exactly one of cron, every, at, calendar$/,
    ],
    [{ timeZone: 'UTC' }, 'schedule', /exactly one of "cron", "every", "at", "calendar"/],
    [{ at: '2101-01-01T00:00:00Z' }, 'schedule.at', /lies after the year 2100/],
    [{ at: '1600-01-01T00:00:00Z' }, 'schedule.at', /lies before the year 1900/],
    [{ every: '1h', endAt: '2101-01-01T00:00:00Z' }, 'schedule.endAt', /lies after the year 2100/],
    [{ calendar: [{ dayOfWeek: 'SUNFLOWER' }] }, 'schedule.calendar[0].dayOfWeek', /"SUNFLOWER" is no name/],
    [{ calendar: [{ month: ['marmalade'] }] }, 'schedule.calendar[0].month[0]', /"marmalade" is no name/],
    [{ calendar: [{ month: 'JANU' }] }, 'schedule.calendar[0].month', /"JANU" is no name/],
    [
      { every: '1h', exclude: [{ calendar: { dayOfWeek: { start: 'monkey', end: 'FRI' } } }] },
      'schedule.exclude[0].calendar.dayOfWeek.start',
      /"monkey" is no name/,
    ],
    [
      { every: '1h', exclude: [{ cron: 'TZ=UTC * * * * *' }] },
      'schedule.exclude[0].cron',
      /names no time zone/,
    ],
  ])('%j', (schedule, path, message) => {
    const name = 'x';
    const target = { type: 'http', url: 'https://example.com/' };
    expect(faultsOf({ name, schedule, target })).toEqual([
      expect.objectContaining({ path, message: expect.stringMatching(message) }),
    ]);
  });

  test('the last second of 2100 is accepted', () => {
    expect(Schedule.safeParse({ at: '2100-12-31T23:59:59Z' }).success).toBe(true);
  });

  test('full names of days and months are accepted, and stored misspellings still compile', () => {
    const calendar = [{ dayOfWeek: 'monday', month: 'January' }];
    const compiled = (input: object[]) =>
      compileSchedule({ calendar: input, timeZone: 'UTC' }).calendars[0]?.calendar;
    expect(Schedule.safeParse({ calendar }).success).toBe(true);
    expect(compiled([{ dayOfWeek: 'SUNFLOWER' }])).toEqual(compiled([{ dayOfWeek: 0 }]));
  });
});
