import { describe, expect, test } from '@jest/globals';
import { Schedule } from '../../../../domain/schedule/schedule.ts';
import { findWarnings } from '../../../../domain/schedule/find-warnings.ts';

const NOW = Date.parse('2027-01-01T00:00:00Z');
const berlin = { timeZone: 'Europe/Berlin' };
const warningsOf = (schedule: object) =>
  findWarnings(Schedule.parse(schedule), NOW).map(({ code, message }) => `${code}: ${message}`);

describe('a day that not every month has', () => {
  test.each<[object, RegExp | undefined]>([
    [{ cron: '0 0 31 * *' }, /in FEB, APR, JUN, SEP, NOV, which/],
    [{ cron: '0 0 31 JAN,MAR *' }, undefined],
    [{ cron: '0 0 30 4,6,9,11 *' }, undefined],
    [{ cron: '0 0 31 JAN-APR *' }, /in FEB, APR, which/],
    [{ cron: '0 0 29 * *' }, /in FEB of most years/],
    [{ cron: '0 0 31 * MON', dayMatch: 'and' }, /in FEB, APR/],
    [{ cron: '0 0 31,L * *' }, undefined],
    [{ cron: '0 0 1,31 * *' }, undefined],
    [{ calendar: [{ dayOfMonth: 31 }] }, /calendar\[0\] does not fire in FEB, APR/],
    [{ calendar: [{ dayOfMonth: 31, month: ['JAN', 'march'] }] }, undefined],
  ])('%j', (schedule, message) => {
    const missing = warningsOf(schedule).filter((text) => text.startsWith('missing_day'));
    expect(missing).toEqual(message ? [expect.stringMatching(message)] : []);
  });

  test('is not missed where the day of the week is enough', () => {
    expect(warningsOf({ cron: '0 0 31 * MON' })).toEqual([expect.stringMatching(/^or_days/)]);
  });
});

describe('a clock change', () => {
  const inGap = { cron: '30 2 * * *', ...berlin };
  const twice = { cron: '30 2 31 10 *', ...berlin };
  test.each<[string, object, RegExp | undefined]>([
    ['shifts', inGap, /forward over a time of this schedule: it fires at the first instant after the gap/],
    ['skips', { ...inGap, dst: { gap: 'skip' } }, /it does not fire there/],
    ['comes twice', twice, /it fires the first time only/],
    ['is excluded by its date', { ...inGap, exclude: [{ date: '2027-03-28' }] }, /back over/],
    [
      'is excluded by its date, and would be left out',
      { ...inGap, dst: { gap: 'skip' }, exclude: [{ date: '2027-03-28' }] },
      /back over/,
    ],
    [
      'is excluded both times',
      { ...inGap, exclude: [{ date: '2027-03-28' }, { date: '2027-10-31' }] },
      undefined,
    ],
    ['is excluded where it comes twice', { ...twice, exclude: [{ cron: '* 2 * * *' }] }, undefined],
    ['is excluded in the gap alone', { ...inGap, exclude: [{ cron: '* 2 28 3 *' }] }, /first instant after/],
    ['lies before startAt', { ...inGap, startAt: '2027-04-01T00:00:00Z' }, /back over/],
    ['lies after endAt', { ...inGap, endAt: '2027-03-01T00:00:00Z' }, undefined],
    [
      'leaves out an instant',
      { at: '2027-03-28T02:30:00', ...berlin },
      /over 2027-03-28T02:30:00: it fires at/,
    ],
    [
      'repeats an instant',
      { at: '2027-10-31T02:30:00', ...berlin },
      /2027-10-31T01:00:00Z .*the first time only/,
    ],
    ['leaves an instant with an offset alone', { at: '2027-10-31T02:30:00+02:00', ...berlin }, undefined],
    [
      'leaves out an excluded instant',
      { at: ['2027-03-28T02:30:00', '2027-05-01T00:00:00'], ...berlin, exclude: [{ date: '2027-03-28' }] },
      undefined,
    ],
  ])('that %s', (_, schedule, message) => {
    const found = warningsOf(schedule).filter((text) => text.startsWith('clock_change'));
    expect(found).toEqual(message ? [expect.stringMatching(message)] : []);
  });
});

describe('an interval with startAt', () => {
  const schedule = { every: '7m', startAt: '2027-01-02T00:00:00Z' };
  test('counts from 1970, which is said', () => {
    expect(warningsOf(schedule)).toEqual([expect.stringMatching(/^counts_from_1970: .*anchor "startAt"/)]);
  });
  test.each([
    { ...schedule, anchor: 'startAt' },
    { ...schedule, anchor: 'epoch' },
    { ...schedule, every: '15m' },
  ])('%j is as it seems', (meant) => {
    expect(warningsOf(meant)).toEqual([]);
  });
});
