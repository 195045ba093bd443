import { describe, expect, test } from '@jest/globals';
import { compileSchedule } from '../../../../domain/schedule/compile-schedule.ts';
import { checkWillFire } from '../../../../domain/schedule/check-will-fire.ts';
import { Schedule } from '../../../../domain/schedule/schedule.ts';
import { occurrences } from '../../../../domain/schedule/occurrences.ts';
import { CronError, parseCron } from '../../../../domain/schedule/cron/parse-cron.ts';

const START = Date.parse('2027-01-01T00:00:00Z'); // a Friday

/** The first five instants of 2027, written without seconds and "Z" where they are zero. */
function firstFive(cron: string, timeZone = 'UTC'): string[] {
  const schedule = compileSchedule(Schedule.parse({ cron, timeZone }));
  return occurrences(schedule, START - 1, 5).map((instant) => new Date(instant).toISOString().slice(0, 16));
}

// Worked out by hand with a calendar of 2027, in which January begins on a Friday and no leap day occurs.
describe('when a cron expression fires', () => {
  test.each<[string, string[]]>([
    [
      '0 9 * * MON',
      ['2027-01-04T09:00', '2027-01-11T09:00', '2027-01-18T09:00', '2027-01-25T09:00', '2027-02-01T09:00'],
    ],
    [
      '*/20 * * * *',
      ['2027-01-01T00:00', '2027-01-01T00:20', '2027-01-01T00:40', '2027-01-01T01:00', '2027-01-01T01:20'],
    ],
    [
      '5/25 0 * * *',
      ['2027-01-01T00:05', '2027-01-01T00:30', '2027-01-01T00:55', '2027-01-02T00:05', '2027-01-02T00:30'],
    ],
    [
      '0 0 13 * 5',
      ['2027-01-01T00:00', '2027-01-08T00:00', '2027-01-13T00:00', '2027-01-15T00:00', '2027-01-22T00:00'],
    ],
    [
      '0 0 */2 * MON',
      ['2027-01-11T00:00', '2027-01-25T00:00', '2027-02-01T00:00', '2027-02-15T00:00', '2027-03-01T00:00'],
    ],
    [
      '0 12 1 JAN,jul *',
      ['2027-01-01T12:00', '2027-07-01T12:00', '2028-01-01T12:00', '2028-07-01T12:00', '2029-01-01T12:00'],
    ],
    [
      '30 6 * * 6-7',
      ['2027-01-02T06:30', '2027-01-03T06:30', '2027-01-09T06:30', '2027-01-10T06:30', '2027-01-16T06:30'],
    ],
    [
      '0 0 * * 7',
      ['2027-01-03T00:00', '2027-01-10T00:00', '2027-01-17T00:00', '2027-01-24T00:00', '2027-01-31T00:00'],
    ],
    [
      '0 0 * * 0',
      ['2027-01-03T00:00', '2027-01-10T00:00', '2027-01-17T00:00', '2027-01-24T00:00', '2027-01-31T00:00'],
    ],
    [
      '0 22-2 * * *',
      ['2027-01-01T00:00', '2027-01-01T01:00', '2027-01-01T02:00', '2027-01-01T22:00', '2027-01-01T23:00'],
    ],
    [
      '0 0 29 2 *',
      ['2028-02-29T00:00', '2032-02-29T00:00', '2036-02-29T00:00', '2040-02-29T00:00', '2044-02-29T00:00'],
    ],
    [
      '0 0 L * *',
      ['2027-01-31T00:00', '2027-02-28T00:00', '2027-03-31T00:00', '2027-04-30T00:00', '2027-05-31T00:00'],
    ],
    [
      '0 0 15W * *',
      ['2027-01-15T00:00', '2027-02-15T00:00', '2027-03-15T00:00', '2027-04-15T00:00', '2027-05-14T00:00'],
    ],
    [
      '0 0 * * MON#2',
      ['2027-01-11T00:00', '2027-02-08T00:00', '2027-03-08T00:00', '2027-04-12T00:00', '2027-05-10T00:00'],
    ],
    [
      '0 0 * * 5L',
      ['2027-01-29T00:00', '2027-02-26T00:00', '2027-03-26T00:00', '2027-04-30T00:00', '2027-05-28T00:00'],
    ],
    [
      '@daily',
      ['2027-01-01T00:00', '2027-01-02T00:00', '2027-01-03T00:00', '2027-01-04T00:00', '2027-01-05T00:00'],
    ],
    [
      '@Weekly',
      ['2027-01-03T00:00', '2027-01-10T00:00', '2027-01-17T00:00', '2027-01-24T00:00', '2027-01-31T00:00'],
    ],
    [
      '@yearly',
      ['2027-01-01T00:00', '2028-01-01T00:00', '2029-01-01T00:00', '2030-01-01T00:00', '2031-01-01T00:00'],
    ],
    [
      '  15   14  1  * *  ',
      ['2027-01-01T14:15', '2027-02-01T14:15', '2027-03-01T14:15', '2027-04-01T14:15', '2027-05-01T14:15'],
    ],
  ])('%s', (cron, expected) => {
    expect(firstFive(cron)).toEqual(expected);
  });

  test('in Berlin nine o’clock is 08:00 UTC in winter and 07:00 in summer', () => {
    // Summer time begins on 28 March 2027.
    const schedule = compileSchedule(Schedule.parse({ cron: '0 9 * * MON', timeZone: 'Europe/Berlin' }));
    const instants = occurrences(schedule, Date.parse('2027-03-20T00:00:00Z'), 2);
    expect(instants.map((instant) => new Date(instant).toISOString())).toEqual([
      '2027-03-22T08:00:00.000Z',
      '2027-03-29T07:00:00.000Z',
    ]);
  });
});

test('on Lord Howe Island clocks go back half an hour: 02:00 comes once, 01:45 twice', () => {
  // zdump -v Australia/Lord_Howe: at 2027-04-03 15:00 UTC, 02:00 at +11 becomes 01:30 at +10:30.
  const next = (cron: string, dst = {}) =>
    occurrences(
      compileSchedule(Schedule.parse({ cron, timeZone: 'Australia/Lord_Howe', dst })),
      Date.parse('2027-04-03T14:00:00Z'),
      2,
    ).map((instant) => new Date(instant).toISOString().slice(0, 16));
  expect(next('* 2 * * *')).toEqual(['2027-04-03T15:30', '2027-04-03T15:31']);
  expect(next('45 1 * * *')).toEqual(['2027-04-03T14:45', '2027-04-04T15:15']);
  expect(next('45 1 * * *', { repeat: 'both' })).toEqual(['2027-04-03T14:45', '2027-04-03T15:15']);
});

describe('what is refused, and how', () => {
  test.each<[string, string]>([
    ['* * * *', 'expected 5 fields'],
    ['', 'expected 5 fields'],
    ['* * * * * * *', 'expected 5 fields'],
    ['0 25 * * *', 'hour 25 is out of range 0–23 in "0 25 * * *" at position 3'],
    ['60 * * * *', 'minute 60 is out of range 0–59 in "60 * * * *" at position 1'],
    ['0 0 0 * *', 'day of month 0 is out of range 1–31'],
    ['0 0 * 13 *', 'month 13 is out of range 1–12'],
    ['0 0 * * 8', 'day of week 8 is out of range 0–7'],
    ['0 0 * FOO *', 'month "FOO" is not valid'],
    ['0 0 * * MONDAY', 'day of week "MONDAY" is not valid'],
    ['*/0 * * * *', 'step of the minute 0 is out of range 1–59'],
    ['*/60 * * * *', 'step of the minute 60 is out of range 1–59'],
    ['1,,2 * * * *', 'minute has an empty entry'],
    ['1/2/3 * * * *', 'minute has more than one "/"'],
    ['1-2-3 * * * *', 'minute has more than one "-"'],
    ['1- * * * *', 'minute is missing'],
    ['-1 * * * *', 'minute is missing'],
    ['? * * * *', 'minute can\'t be "?"'],
    ['0 0 * * L', 'names no day'],
    ['0 0 * * MON#6', 'week after "#" 6 is out of range 1–5'],
    ['0 0 32W * *', 'day before "W" 32 is out of range 1–31'],
    ['@reboot', 'unknown macro "@reboot"'],
    ['@every 5m', 'use schedule.every'],
    ['@daily *', 'nothing may follow a macro'],
    ['1.5 * * * *', 'minute "1.5" is not valid'],
    ['٣ * * * *', 'minute "٣" is not valid'],
    ['0 '.repeat(600), 'characters, more than'],
  ])('%j', (cron, message) => {
    expect(() => parseCron(cron)).toThrow(CronError);
    expect(() => parseCron(cron)).toThrow(message);
  });

  test.each(['0 0 30 2 *', '0 0 31 2,4,6,9,11 *', '0 0 31W 2 *'])('%s never fires', (cron) => {
    expect(checkWillFire(Schedule.parse({ cron }), START)).toEqual([
      expect.objectContaining({ path: 'schedule.cron', code: 'never_fires' }),
    ]);
  });

  test('29 February fires, if rarely', () => {
    expect(checkWillFire(Schedule.parse({ cron: '0 0 29 2 *' }), START)).toEqual([]);
  });
});
