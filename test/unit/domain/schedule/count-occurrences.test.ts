import { describe, expect, test } from '@jest/globals';
import { compileSchedule } from '../../../../domain/schedule/compile-schedule.ts';
import { countOccurrences } from '../../../../domain/schedule/count-occurrences.ts';
import { occurrences } from '../../../../domain/schedule/occurrences.ts';
import type { Schedule } from '../../../../domain/schedule/schedule.ts';

const DAY = 86_400_000;
const at = (text: string) => Date.parse(text);

function count(schedule: object, after: number, until: number) {
  let [total, steps, to] = [0, 0, after];
  for (const step of countOccurrences(compileSchedule(schedule as Schedule), after, until)) {
    total += step.count;
    to = step.to;
    steps++;
  }
  return { total, steps, to };
}

const BERLIN = 'Europe/Berlin';
const SCHEDULES: object[] = [
  { every: '7m', offset: '30s', timeZone: 'UTC' },
  {
    every: '1h',
    offset: '0s',
    timeZone: BERLIN,
    exclude: [{ date: '2026-03-28' }, { cron: '0 0-3 * * SUN' }],
  },
  { cron: '*/10 * * * *', timeZone: BERLIN },
  { cron: '30 2 * * *', timeZone: BERLIN },
  { cron: ['15,45 0-3 * * *', '*/15 1 * * MON-FRI'], timeZone: 'America/Havana' },
  { cron: '0 0 13 * 5', timeZone: 'Australia/Lord_Howe', dst: { gap: 'skip', repeat: 'both' } },
  { cron: '5 4 L * *', timeZone: 'UTC', startAt: '2026-02-27T00:00:00Z', endAt: '2026-05-31T04:05:00Z' },
  { at: ['2026-03-29T01:00:00Z', '2026-03-29T01:00:01Z', '2026-04-02T00:00:00Z'], timeZone: 'UTC' },
];

describe('counting the occurrences of a stretch of time', () => {
  test.each(SCHEDULES)('comes to as many as there are: %j', (schedule) => {
    const all = occurrences(compileSchedule(schedule as Schedule), at('2026-01-01T00:00:00Z'), 40_000);
    const stretches: [string, string][] = [
      ['2026-03-01T00:00:00Z', '2026-04-20T00:00:00Z'],
      ['2026-03-28T22:59:59.500Z', '2026-03-29T01:00:00Z'],
      ['2026-02-27T04:05:00Z', '2026-05-31T04:05:00.999Z'],
      ['2026-03-29T01:00:00Z', '2026-03-29T01:00:00Z'],
    ];
    for (const [after, until] of stretches) {
      const inside = all.filter((instant) => instant > at(after) && instant <= at(until));
      expect(count(schedule, at(after), at(until))).toMatchObject({ total: inside.length, to: at(until) });
    }
  });

  test('each step tells up to where it came, and none takes more than a thousand one by one', () => {
    const schedule = { every: '1s', offset: '0s', timeZone: 'UTC' };
    const [after, until] = [at('2026-01-01T12:00:00Z'), at('2026-01-01T14:00:00Z')];
    let sum = 0;
    for (const step of countOccurrences(compileSchedule(schedule), after, until)) {
      sum += step.count;
      expect(sum).toBe((Math.floor(step.to / 1_000) * 1_000 - after) / 1_000);
      if (step.to < until - 1) expect(step.count).toBeLessThanOrEqual(1_000);
    }
    expect(sum).toBe(7_200);
  });

  test.each([
    { every: '1s', offset: '0s', timeZone: 'UTC' },
    { cron: '* * * * * *', timeZone: BERLIN },
  ])('a year of seconds takes hardly longer than one of its days: %j', (schedule) => {
    const after = at('2026-01-01T00:00:00Z');
    const { total, steps } = count(schedule, after, after + 365 * DAY);
    expect(total).toBe(365 * 86_400);
    // A day, those of clock changes and the rest of the last, a thousand at once; a step for each of the others.
    expect(steps).toBeLessThan(1_200);
  });
});
