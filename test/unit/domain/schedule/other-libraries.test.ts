import { Cron } from 'croner';
import { CronExpressionParser } from 'cron-parser';
import { expect, test } from '@jest/globals';
import { compileSchedule } from '../../../../domain/schedule/compile-schedule.ts';
import { occurrences } from '../../../../domain/schedule/occurrences.ts';
import { Schedule } from '../../../../domain/schedule/schedule.ts';
import { createRandom, type Random } from '../../../support/random.ts';

// Two parsers that share no line with ours, in the part of the grammar that all three read alike: no wrapping ranges, no
// "*/2" in a day field beside another one (docs/gotchas.md says where they part), in a zone without clock changes.
const CASES = 5_000;
const COUNT = 5;
const START = Date.parse('2027-01-01T00:00:00Z');

function field(random: Random, min: number, max: number, star: number, stepped = true): string {
  if (random.chance(star))
    return stepped && random.chance(0.3) ? `*/${random.integer(1, Math.max(1, Math.floor(max / 2)))}` : '*';
  const from = random.integer(min, max);
  const to = random.integer(from, max);
  // cron-parser refuses a value that a list names twice.
  const several = new Set(Array.from({ length: 3 }, () => random.integer(min, max)));
  return random.pick([
    `${from}`,
    `${from}-${to}`,
    `${from}-${to}/${random.integer(1, 6)}`,
    [...several].join(','),
  ]);
}

function expression(random: Random): string {
  const dayOfMonth = random.chance(0.1) ? 'L' : field(random, 1, 28, 0.6, false);
  const dayOfWeek = random.chance(0.1)
    ? `${random.integer(0, 6)}#${random.integer(1, 4)}`
    : field(random, 0, 6, 0.6, false);
  const month = random.chance(0.1) ? random.pick(['JAN', 'feb', 'Sep-Dec']) : field(random, 1, 12, 0.7);
  return `${field(random, 0, 59, 0.3)} ${field(random, 0, 23, 0.4)} ${dayOfMonth} ${month} ${dayOfWeek}`;
}

test(`croner, cron-parser and we agree on ${CASES} random expressions`, () => {
  const random = createRandom(20_270_101);
  const disagreements: unknown[] = [];
  for (let index = 0; index < CASES; index++) {
    const cron = expression(random);
    const ours = occurrences(compileSchedule(Schedule.parse({ cron })), START, COUNT);
    const croner = new Cron(cron, { timezone: 'UTC', paused: true })
      .nextRuns(COUNT, new Date(START))
      .map((date) => date.getTime());
    const parsed = CronExpressionParser.parse(cron, { tz: 'UTC', currentDate: new Date(START) });
    const cronParser = Array.from({ length: COUNT }, () => parsed.next().getTime());
    const same = [croner, cronParser].map((theirs) => JSON.stringify(theirs) === JSON.stringify(ours));
    if (same.includes(false)) {
      const shown = (instants: number[]) => instants.map((instant) => new Date(instant).toISOString());
      disagreements.push({ cron, ours: shown(ours), croner: shown(croner), cronParser: shown(cronParser) });
    }
  }
  expect(disagreements).toEqual([]);
});

test.each([...Array.from({ length: 31 }, (_, index) => `${index + 1}W`), 'LW', 'L', '15W,L', '1W,15W,31W'])(
  'croner and we agree on the day of month %s for ten years',
  (dayOfMonth) => {
    const cron = `30 6 ${dayOfMonth} * *`;
    const ours = occurrences(compileSchedule(Schedule.parse({ cron })), START, 120);
    const croner = new Cron(cron, { timezone: 'UTC', paused: true }).nextRuns(120, new Date(START));
    expect(ours).toEqual(croner.map((date) => date.getTime()));
  },
);
