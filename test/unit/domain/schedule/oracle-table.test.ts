import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { compileSchedule } from '../../../../domain/schedule/compile-schedule.ts';
import { toInstant } from '../../../../domain/instant.ts';
import { occurrences } from '../../../../domain/schedule/occurrences.ts';
import { Schedule } from '../../../../domain/schedule/schedule.ts';

interface Entry {
  cron: string;
  timeZone: string;
  after: string;
  times: string[];
}

const table = JSON.parse(readFileSync('test/oracle/table.json', 'utf8')) as {
  madeBy: string;
  entries: Entry[];
};

describe(`expected instants by ${table.madeBy}, which follows Debian's cron`, () => {
  test.each(table.entries)('$cron in $timeZone after $after', ({ cron, timeZone, after, times }) => {
    const schedule = compileSchedule(Schedule.parse({ cron, timeZone }));
    expect(occurrences(schedule, Date.parse(after), times.length).map(toInstant)).toEqual(times);
  });
});
