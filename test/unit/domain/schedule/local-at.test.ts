import { describe, expect, test } from '@jest/globals';
import { compileSchedule } from '../../../../domain/schedule/compile-schedule.ts';
import { checkWillFire } from '../../../../domain/schedule/check-will-fire.ts';
import { occurrences } from '../../../../domain/schedule/occurrences.ts';
import { Schedule } from '../../../../domain/schedule/schedule.ts';

const firesAt = (schedule: object, after = '1990-01-01T00:00:00Z') =>
  occurrences(compileSchedule(Schedule.parse(schedule)), Date.parse(after), 9).map((instant) =>
    new Date(instant).toISOString().replace('.000Z', 'Z'),
  );

describe('a local time in at', () => {
  test.each<[string, string, object, string[]]>([
    ['2027-03-01T09:00:00', 'Europe/Berlin', {}, ['2027-03-01T08:00:00Z']],
    ['2027-07-01T09:00', 'Europe/Berlin', {}, ['2027-07-01T07:00:00Z']],
    ['2027-07-01T08:59:59.001', 'Europe/Berlin', {}, ['2027-07-01T07:00:00Z']],
    ['2027-07-01T09:00:00Z', 'Europe/Berlin', {}, ['2027-07-01T09:00:00Z']],
    ['2027-03-28T02:30:00', 'Europe/Berlin', {}, ['2027-03-28T01:00:00Z']],
    ['2027-03-28T01:59:59.5', 'Europe/Berlin', {}, ['2027-03-28T01:00:00Z']],
    ['2027-03-28T02:30:00', 'Europe/Berlin', { gap: 'skip' }, []],
    ['2027-10-31T02:30:00', 'Europe/Berlin', {}, ['2027-10-31T00:30:00Z']],
    [
      '2027-10-31T02:30:00',
      'Europe/Berlin',
      { repeat: 'both' },
      ['2027-10-31T00:30:00Z', '2027-10-31T01:30:00Z'],
    ],
    ['2027-10-31T03:00:00', 'Europe/Berlin', { repeat: 'both' }, ['2027-10-31T02:00:00Z']],
    [
      '2027-04-04T01:45:00',
      'Australia/Lord_Howe',
      { repeat: 'both' },
      ['2027-04-03T14:45:00Z', '2027-04-03T15:15:00Z'],
    ],
    ['2011-12-30T12:00:00', 'Pacific/Apia', {}, ['2011-12-30T10:00:00Z']],
    ['2027-07-01T09:00:00', 'UTC', {}, ['2027-07-01T09:00:00Z']],
  ])('%s in %s with %j', (at, timeZone, dst, instants) => {
    expect(firesAt({ at, timeZone, dst })).toEqual(instants);
  });

  test('needs a zone that is named', () => {
    const message = (at: unknown) => Schedule.safeParse({ at }).error?.issues[0]?.message;
    expect(message('2027-03-01T09:00:00')).toMatch(/has no offset.*or name the timeZone/);
    expect(message(['2027-03-01T09:00:00Z', '2027-03-01T09:00'])).toMatch(/"2027-03-01T09:00" has no offset/);
  });

  test('that the clocks leave out, and that is to be skipped, never fires', () => {
    const schedule = Schedule.parse({
      at: ['2027-03-28T02:30:00', '2027-04-01T00:00:00'],
      timeZone: 'Europe/Berlin',
      dst: { gap: 'skip' },
    });
    expect(checkWillFire(schedule, Date.parse('2027-01-01T00:00:00Z'))).toEqual([
      expect.objectContaining({ path: 'schedule.at[0]', code: 'never_fires' }),
    ]);
  });
});

describe('an at of which some instants have passed', () => {
  const NOW = Date.parse('2027-06-01T00:00:00Z');
  const before = Schedule.parse({
    at: ['2027-01-01T09:00:00', '2027-03-28T02:30:00', '2027-05-01T00:00:00+02:00', '2028-01-01T00:00:00Z'],
    timeZone: 'Europe/Berlin',
  });
  const faults = (change: object) =>
    checkWillFire(Schedule.parse({ ...before, ...change }), NOW, before).map(({ path, code }) => [
      path,
      code,
    ]);

  test.each<[string, object]>([
    ['takes another', { at: [...(before as { at: string[] }).at, '2029-01-01T00:00:00Z'] }],
    ['can end', { endAt: '2028-06-01T00:00:00Z' }],
    ['can exclude', { exclude: [{ date: '2027-12-24' }] }],
    ['can lose its past', { at: ['2028-01-01T00:00:00Z'] }],
    ['can move to another zone', { timeZone: 'America/New_York' }],
    ['can skip gaps', { dst: { gap: 'skip' } }],
    ['can be written otherwise', { at: ['2027-01-01T08:00:00Z', '2028-01-01T01:00:00'] }],
  ])('%s', (_, change) => {
    expect(faults(change)).toEqual([]);
  });

  test('is refused what is new and past, and that alone', () => {
    const at = ['2027-01-01T09:00:00', '2027-02-01T00:00:00', '2028-01-01T00:00:00Z'];
    expect(faults({ at })).toEqual([['schedule.at[1]', 'in_the_past']]);
  });

  test('is refused if nothing is left to come', () => {
    expect(faults({ at: '2027-01-01T09:00:00' })).toEqual([['schedule.at', 'never_fires']]);
  });
});

describe('an interval that counts from startAt', () => {
  test.each<[object, string[]]>([
    [{ every: '7m' }, ['2027-01-01T00:00:31Z', '2027-01-01T00:07:31Z']],
    [{ every: '40d', offset: '1h' }, ['2027-01-01T01:00:31Z', '2027-02-10T01:00:31Z']],
    [{ every: '366d' }, ['2027-01-01T00:00:31Z', '2028-01-02T00:00:31Z']],
  ])('%j', (every, instants) => {
    const schedule = { ...every, anchor: 'startAt', startAt: '2027-01-01T00:00:30.5Z' };
    expect(firesAt(schedule).slice(0, 2)).toEqual(instants);
  });

  test('needs a startAt', () => {
    const { error } = Schedule.safeParse({ every: '7m', anchor: 'startAt' });
    expect(error?.issues).toEqual([expect.objectContaining({ path: ['anchor'] })]);
  });
});
