import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { requireFitSchedule } from '../../../../api/rest/fit-schedule.ts';
import { Schedule } from '../../../../domain/schedule/schedule.ts';

/** Milliseconds of one core that a request may take with all that it does to a schedule. */
const [POST_MS, GET_MS] = [100, 20];

const measured = JSON.parse(
  execFileSync(process.execPath, ['--import', 'tsx', 'test/support/costly-schedules.ts'], {
    encoding: 'utf8',
  }),
) as { name: string; made: number; read: number }[];

describe('of the costliest schedules that the schema takes,', () => {
  test.each(measured)('$name: made in $made ms, read in $read ms', ({ made, read }) => {
    expect(made).toBeLessThan(POST_MS);
    expect(read).toBeLessThan(GET_MS);
  });
});

test.each<[string, object, RegExp]>([
  [
    'calendars',
    { cron: Array.from({ length: 50 }, (_, minute) => `${minute} * * L,LW,15W,7W * 5L,MON#2`) },
    /schedule: is too much for a Temporal Schedule: it comes to \d+ calendars, and 300 are taken/,
  ],
  [
    'instants around clock changes',
    { cron: Array.from({ length: 50 }, (_, second) => `${second} * * * * *`) },
    /schedule: is too much .* around the clock changes of Europe\/Berlin it names \d+ instants, and 10000 are taken/,
  ],
])('a schedule of too many %s is refused with their number', (_, parts, words) => {
  const schedule = Schedule.parse({ timeZone: 'Europe/Berlin', ...parts });
  const limits = { minIntervalMs: 0, jobsPerNamespace: undefined };
  expect(() => requireFitSchedule(schedule, Date.parse('2026-11-29T06:00:00Z'), { limits })).toThrow(words);
});
