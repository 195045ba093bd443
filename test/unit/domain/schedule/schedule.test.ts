import { describe, expect, test } from '@jest/globals';
import { toRanges, toValues } from '../../../../domain/schedule/calendar.ts';
import { occurrences } from '../../../../domain/schedule/occurrences.ts';
import { compileSchedule } from '../../../../domain/schedule/compile-schedule.ts';
import { checkWillFire } from '../../../../domain/schedule/check-will-fire.ts';
import { Schedule } from '../../../../domain/schedule/schedule.ts';
import { summarizeSchedule } from '../../../../domain/schedule/schedule-summary.ts';

const at = (text: string) => Date.parse(text);
const next = (schedule: unknown, after: string, count: number) =>
  occurrences(compileSchedule(Schedule.parse(schedule)), at(after), count).map((instant) =>
    new Date(instant).toISOString(),
  );

describe('every', () => {
  test('fires at multiples since the epoch, never at the instant asked from', () => {
    expect(next({ every: '15m' }, '2027-01-01T00:15:00Z', 2)).toEqual([
      '2027-01-01T00:30:00.000Z',
      '2027-01-01T00:45:00.000Z',
    ]);
    expect(next({ every: '15m' }, '2027-01-01T00:14:59.999Z', 1)).toEqual(['2027-01-01T00:15:00.000Z']);
  });

  test('is shifted by the offset', () => {
    expect(next({ every: '1h', offset: '10m' }, '2027-01-01T00:00:00Z', 2)).toEqual([
      '2027-01-01T00:10:00.000Z',
      '2027-01-01T01:10:00.000Z',
    ]);
  });

  test('keeps to startAt and endAt, both inclusive', () => {
    const schedule = { every: '1h', startAt: '2027-01-01T05:00:00Z', endAt: '2027-01-01T06:00:00Z' };
    expect(next(schedule, '2027-01-01T00:00:00Z', 5)).toEqual([
      '2027-01-01T05:00:00.000Z',
      '2027-01-01T06:00:00.000Z',
    ]);
  });
});

describe('at', () => {
  test('fires at each instant once, in order, a fraction of a second rounded up', () => {
    const schedule = {
      at: ['2027-06-01T12:00:00+02:00', '2027-01-01T00:00:00.001Z', '2027-01-01T00:00:01Z'],
    };
    expect(next(schedule, '2026-01-01T00:00:00Z', 5)).toEqual([
      '2027-01-01T00:00:01.000Z',
      '2027-06-01T10:00:00.000Z',
    ]);
  });

  test('is refused in the past, each instant by its place', () => {
    const schedule = Schedule.parse({ at: ['2030-01-01T00:00:00Z', '2020-01-01T00:00:00Z'] });
    expect(checkWillFire(schedule, at('2027-01-01T00:00:00Z'))).toEqual([
      expect.objectContaining({ path: 'schedule.at[1]', code: 'in_the_past' }),
    ]);
  });
});

describe('a list of cron expressions', () => {
  test('fires when either matches, once where both do', () => {
    expect(next({ cron: ['0 0 * * *', '0 */12 * * *'] }, '2026-12-31T23:00:00Z', 3)).toEqual([
      '2027-01-01T00:00:00.000Z',
      '2027-01-01T12:00:00.000Z',
      '2027-01-02T00:00:00.000Z',
    ]);
  });

  test('is refused if one of them never fires, even beside one that does', () => {
    const schedule = Schedule.parse({ cron: ['0 0 * * *', '0 0 30 2 *'] });
    expect(checkWillFire(schedule, at('2027-01-01T00:00:00Z'))).toEqual([
      expect.objectContaining({ path: 'schedule.cron[1]' }),
    ]);
  });
});

test('a schedule that ends before it fires is refused at its end', () => {
  const schedule = Schedule.parse({ cron: '0 9 * * MON', endAt: '2027-01-02T00:00:00Z' });
  expect(checkWillFire(schedule, at('2027-01-01T00:00:00Z'))).toEqual([
    expect.objectContaining({ path: 'schedule.endAt', code: 'never_fires' }),
  ]);
});

test.each<[unknown, string]>([
  [{ cron: '0 9 * * MON', timeZone: 'Europe/Berlin' }, 'At 09:00, only on Monday, Europe/Berlin'],
  [{ every: '90m' }, 'Every 90m'],
  [{ every: '1h', offset: '5m' }, 'Every 1h, offset by 5m'],
  [{ at: '2027-01-01T01:00:00+01:00' }, 'Once at 2027-01-01T00:00:00Z'],
  [{ at: ['2028-01-01T00:00:00Z', '2027-01-01T00:00:00Z'] }, '2 times, first at 2027-01-01T00:00:00Z'],
  [{ cron: '0 0 13 * 5' }, 'At 00:00, on day 13 of the month, and on Friday, UTC'],
  [{ cron: '0 0 13 * 5', dayMatch: 'and' }, 'At 00:00, on day 13 of the month, only on Friday, UTC'],
  [{ cron: '0 0 */2 * MON' }, 'At 00:00, every 2 days in a month, only on Monday, UTC'],
  [{ calendar: [{}] }, 'At 00:00, UTC'],
  [
    { calendar: [{ hour: 9, dayOfWeek: { start: 'MON', end: 'FRI' } }] },
    'At 09:00, Monday through Friday, UTC',
  ],
  [
    { calendar: [{ hour: 9, dayOfMonth: 13, dayOfWeek: 'FRI', year: 2027 }] },
    'At 09:00, on day 13 of the month, only on Friday, only in 2027, UTC',
  ],
  [{ calendar: [{ hour: 9, comment: ' ' }] }, 'At 09:00, UTC'],
  [{ calendar: [{ hour: 9, comment: 'early' }, { hour: 21 }] }, 'early; At 21:00, UTC'],
  [{ at: '2027-03-01T09:00:00', timeZone: 'Europe/Berlin' }, 'Once at 2027-03-01T08:00:00Z'],
  [
    { every: '7m', startAt: '2027-01-01T00:00:00Z', anchor: 'startAt' },
    'Every 7m, counted from startAt, from 2027-01-01T00:00:00Z',
  ],
])('%j in words', (schedule, words) => {
  expect(summarizeSchedule(Schedule.parse(schedule))).toBe(words);
});

describe('ranges', () => {
  test.each<[number[], string]>([
    [[0, 15, 30, 45], '0-45/15'],
    [[1, 2, 3], '1-3'],
    [[1, 3], '1 3'],
    [[5], '5'],
    [[0, 1, 2, 10, 20, 30], '0-2 10-30/10'],
  ])('%j', (values, text) => {
    const ranges = toRanges(values);
    const written = ranges.map(({ start, end, step }) =>
      start === end ? `${start}` : `${start}-${end}${step === 1 ? '' : `/${step}`}`,
    );
    expect(written.join(' ')).toBe(text);
    expect(toValues(ranges)).toEqual(values);
  });
});

describe('exclusions', () => {
  const NOW = at('2027-01-01T00:00:00Z');
  const faults = (schedule: unknown) => checkWillFire(Schedule.parse(schedule), NOW);

  test('rule out dates, ranges of dates, crons and calendars, in local time', () => {
    const schedule = {
      cron: '0 12 * * *',
      timeZone: 'Europe/Berlin',
      exclude: [
        { date: '2027-01-02' },
        { from: '2027-01-04', to: '2027-01-06' },
        { cron: '* * 8 * *' },
        { calendar: { hour: 12, dayOfMonth: 10 } },
      ],
    };
    expect(next(schedule, '2027-01-01T12:00:00Z', 5).map((instant) => instant.slice(0, 10))).toEqual([
      '2027-01-03',
      '2027-01-07',
      '2027-01-09',
      '2027-01-11',
      '2027-01-12',
    ]);
  });

  test('are passed day by day, not second by second', () => {
    const schedule = { every: '10m', exclude: [{ from: '2027-01-01', to: '2028-12-31' }] };
    const before = process.cpuUsage().user;
    expect(next(schedule, '2027-01-01T00:00:00Z', 1)).toEqual(['2029-01-01T00:00:00.000Z']);
    // One by one it would be a hundred thousand; a second leaves room for a slow machine.
    expect(process.cpuUsage().user - before).toBeLessThan(1_000_000);
  });

  test.each<[string, unknown, string]>([
    ['everything', { cron: '0 12 * * *', exclude: [{ cron: '* * * * *' }] }, 'never_fires'],
    [
      'every second of twenty years',
      { every: '1s', exclude: [{ from: '2027-02-01', to: '2046-01-01' }] },
      'excludes_too_much',
    ],
    [
      'all but a moment, in pieces',
      {
        every: '1s',
        exclude: [
          { calendar: { second: { start: 0, end: 30 }, minute: '*', hour: '*' } },
          { calendar: { second: { start: 31, end: 59 }, minute: '*', hour: '*' } },
        ],
      },
      'never_fires',
    ],
  ])('that rule out %s are refused, and quickly', (_, schedule, code) => {
    const before = process.cpuUsage().user;
    expect(faults(schedule)).toEqual([expect.objectContaining({ path: 'schedule.exclude', code })]);
    expect(process.cpuUsage().user - before).toBeLessThan(2_000_000);
  });

  test('of a fortnight are fine for a job that fires every minute', () => {
    expect(faults({ cron: '* * * * *', exclude: [{ from: '2027-02-01', to: '2027-02-14' }] })).toEqual([]);
  });
});
