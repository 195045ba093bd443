import { describe, expect, test } from '@jest/globals';
import { compileSchedule } from '../../../../domain/schedule/compile-schedule.ts';
import { toInstant } from '../../../../domain/instant.ts';
import { occurrences } from '../../../../domain/schedule/occurrences.ts';
import { Schedule, type StoredSchedule } from '../../../../domain/schedule/schedule.ts';
import { withSkips } from '../../../../domain/schedule/skips.ts';
import { toTemporalSpec } from '../../../../scheduling/schedules/temporal-spec.ts';

const NOW = Date.parse('2026-06-01T00:00:00Z');
const at = (text: string) => ({ at: text, reason: '', by: 'a', requestedAt: '2026-06-01T00:00:00Z' });
const compiledWith = (schedule: object, skips: string[]) =>
  compileSchedule(withSkips(Schedule.parse(schedule) as StoredSchedule, skips.map(at)));
const excludedBy = (schedule: object, skips: string[]) =>
  toTemporalSpec(compiledWith(schedule, skips), NOW).exclude.map(
    ({ year, month, dayOfMonth, hour, minute, second }) =>
      [year, month, dayOfMonth, hour, minute, second].map((ranges) => ranges?.[0]?.start).join(' '),
  );

describe('a skipped instant', () => {
  test('is no occurrence, and the others stay', () => {
    const compiled = compiledWith({ every: '10s' }, ['2026-06-01T00:00:20Z']);
    expect(occurrences(compiled, NOW, 3).map(toInstant)).toEqual([
      '2026-06-01T00:00:10Z',
      '2026-06-01T00:00:30Z',
      '2026-06-01T00:00:40Z',
    ]);
  });

  test('is excluded in Temporal by its local time', () => {
    const schedule = { cron: '0 9 * * *', timeZone: 'Europe/Berlin' };
    expect(excludedBy(schedule, ['2026-07-01T07:00:00Z'])).toEqual(['2026 7 1 9 0 0']);
  });

  test('is not excluded where the clocks show its local time twice, and the other instant is to fire', () => {
    // In Berlin, clocks go back from 03:00 to 02:00 at 01:00 UTC.
    const schedule = { every: '1h', timeZone: 'Europe/Berlin' };
    expect(excludedBy(schedule, ['2026-10-25T00:00:00Z'])).toEqual([]);
    const both = ['2026-10-25T00:00:00Z', '2026-10-25T01:00:00Z'];
    expect(excludedBy(schedule, both)).toEqual(['2026 10 25 2 0 0', '2026 10 25 2 0 0']);
  });

  test('is not spelled out where the clocks change', () => {
    const schedule = { cron: '30 2 * * *', timeZone: 'Europe/Berlin', dst: { repeat: 'both' } };
    const first = Date.parse('2026-10-25T00:30:00Z');
    const { intervals } = toTemporalSpec(compiledWith(schedule, [toInstant(first)]), NOW);
    const spelledOut = intervals.map(({ everyMs }) => everyMs);
    expect(spelledOut).not.toContain(first);
    expect(spelledOut).toContain(first + 3_600_000);
  });
});
