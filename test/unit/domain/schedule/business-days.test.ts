import { describe, expect, test } from '@jest/globals';
import { compileSchedule } from '../../../../domain/schedule/compile-schedule.ts';
import { countOccurrences } from '../../../../domain/schedule/count-occurrences.ts';
import { findMovedOccurrences } from '../../../../domain/schedule/moved-occurrences.ts';
import { prepareMovedFrom } from '../../../../domain/schedule/moved-from.ts';
import { iterateOccurrences, occurrences } from '../../../../domain/schedule/occurrences.ts';
import { Schedule, type StoredSchedule } from '../../../../domain/schedule/schedule.ts';
import type { WorkingDays } from '../../../../domain/business-calendar/working-days.ts';
import { spellOutDays } from '../../../../scheduling/schedules/spell-out-days.ts';
import { createRandom } from '../../../support/random.ts';
import { randomWorkingDays } from '../../../support/random-working-days.ts';

const DAY_MS = 86_400_000;
const BEGIN = Date.parse('2026-11-29T00:00:00Z');
const END = Date.parse('2030-01-01T00:00:00Z');

/** Three days off from Friday to Sunday, Christmas, and a Saturday on which one works. */
const DAYS: WorkingDays = {
  weekdays: [1, 2, 3, 4, 5],
  off: ['2026-12-24', '2026-12-25', '2026-12-31', '2027-01-01'],
  on: ['2026-12-19'],
};

const compileWith = (input: Record<string, unknown>, days = DAYS) => {
  const schedule = Schedule.parse(input);
  if (!('businessDays' in schedule) || !schedule.businessDays) throw new Error('it has no business days');
  const stored = {
    ...schedule,
    businessDays: { ...schedule.businessDays, days, generation: 1, calendarId: '' },
  };
  return compileSchedule(stored as StoredSchedule);
};
const datesOf = (instants: number[]) =>
  instants.map((instant) => new Date(instant).toISOString().slice(0, 10));

function isWorking({ weekdays, off, on }: WorkingDays, day: number): boolean {
  const date = new Date(day * DAY_MS).toISOString().slice(0, 10);
  const weekday = new Date(day * DAY_MS).getUTCDay();
  return on.includes(date) || (weekdays.includes(weekday) && !off.includes(date));
}

/** Moves each occurrence by itself, day by day: another way to the same result. In UTC, where local time is the instant. */
function moveEach(instants: number[], days: WorkingDays, otherwise: string): Map<number, string[]> {
  const moved = new Map<number, string[]>();
  for (const instant of instants) {
    const named = Math.floor(instant / DAY_MS);
    let day = named;
    const step = otherwise === 'next' ? 1 : -1;
    while (!isWorking(days, day) && otherwise !== 'skip' && Math.abs(day - named) < 400) day += step;
    if (!isWorking(days, day)) continue;
    const at = day * DAY_MS + (instant % DAY_MS);
    const from = moved.get(at) ?? [];
    moved.set(at, day === named ? from : [...from, new Date(named * DAY_MS).toISOString().slice(0, 10)]);
  }
  return moved;
}

describe('business days', () => {
  test.each([
    ['skip', '0 9 24,31 * *', ['2027-02-24', '2027-03-24', '2027-03-31']],
    ['next', '0 9 24 * *', ['2026-12-28', '2027-01-25', '2027-02-24']],
    ['previous', '0 9 1 * *', ['2026-12-01', '2026-12-30', '2027-02-01']],
    ['next', '0 9 25-28 12 *', ['2026-12-28', '2027-12-27', '2027-12-28']],
    ['next', '0 9 19 12 *', ['2026-12-19', '2027-12-20', '2028-12-19']],
  ])('%s: %s', (otherwise, cron, expected) => {
    const compiled = compileWith({ cron, timeZone: 'UTC', businessDays: { calendar: 'x', otherwise } });
    expect(datesOf(occurrences(compiled, BEGIN, 3))).toEqual(expected);
  });

  test('working days by number, from both ends of the month', () => {
    const businessDays = { calendar: 'x' };
    const compiled = compileWith({ calendar: [{ hour: 9, businessDay: [1, -1] }], businessDays });
    expect(datesOf(occurrences(compiled, BEGIN, 6))).toEqual([
      '2026-11-30',
      '2026-12-01',
      '2026-12-30',
      '2027-01-04',
      '2027-01-29',
      '2027-02-01',
    ]);
  });

  test('an interval fires on working days alone', () => {
    const compiled = compileWith({ every: '12h', businessDays: { calendar: 'x' } });
    expect(datesOf(occurrences(compiled, Date.parse('2026-12-23T13:00:00Z'), 3))).toEqual([
      '2026-12-28',
      '2026-12-28',
      '2026-12-29',
    ]);
  });

  test('says whence an occurrence was moved', () => {
    const compiled = compileWith({
      cron: '0 9 24-28 12 *',
      timeZone: 'Europe/Berlin',
      businessDays: { calendar: 'x', otherwise: 'next' },
    });
    const [first, , third] = occurrences(compiled, BEGIN, 3) as [number, number, number];
    expect(new Date(first).toISOString()).toBe('2026-12-28T08:00:00.000Z');
    const movedFrom = prepareMovedFrom(compiled);
    expect(movedFrom(first)).toEqual(['2026-12-24', '2026-12-25', '2026-12-26', '2026-12-27']);
    // A day that the schedule names itself, too.
    expect(movedFrom(third)).toEqual(['2027-12-25', '2027-12-26']);
  });

  test('random calendars: as if each occurrence were moved by itself, and as it is spelled out', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = createRandom(seed);
      const days = randomWorkingDays(random, BEGIN);
      const otherwise = random.pick(['skip', 'next', 'previous']);
      const cron = `${random.integer(0, 59)} ${random.integer(0, 23)} ${random.pick(['*', '1', 'L', '15-20', '*/3'])} * ${random.pick(['*', 'MON', '6', '1-5'])}`;
      const named = compileSchedule(Schedule.parse({ cron, timeZone: 'UTC' }));
      // Moves from before the period reach into it.
      const before = [...take(named, BEGIN - 500 * DAY_MS, END + 500 * DAY_MS)];
      const expected = moveEach(before, days, otherwise);
      const inPeriod = [...expected.keys()].filter((at) => at > BEGIN && at <= END).sort((a, b) => a - b);
      const compiled = compileWith(
        { cron, timeZone: 'UTC', businessDays: { calendar: 'x', otherwise } },
        days,
      );
      expect({ seed, cron, otherwise, at: take(compiled, BEGIN, END) }).toEqual({
        seed,
        cron,
        otherwise,
        at: inPeriod,
      });
      expect(take(spellOutDays(compiled, 2026, 2030), BEGIN, END)).toEqual(inPeriod);
      const count = [...countOccurrences(compiled, BEGIN, END)].reduce((sum, step) => sum + step.count, 0);
      expect(count).toBe(inPeriod.length);
      const movedFrom = prepareMovedFrom(compiled);
      const changed = randomWorkingDays(random, BEGIN);
      const other = compileWith(
        { cron, timeZone: 'UTC', businessDays: { calendar: 'x', otherwise } },
        { ...changed, weekdays: days.weekdays },
      );
      const willFire = take(other, BEGIN, END);
      expect(findMovedOccurrences(compiled, other, { from: BEGIN + 1, until: END, limit: 2_000 })).toEqual({
        gone: inPeriod.filter((at) => !willFire.includes(at)),
        added: willFire.filter((at) => !inPeriod.includes(at)),
        isCut: false,
      });
      for (const at of inPeriod) expect(movedFrom(at)).toEqual([...(expected.get(at) ?? [])].sort());
    }
  });
});

function take(compiled: ReturnType<typeof compileSchedule>, after: number, until: number): number[] {
  const instants: number[] = [];
  for (const instant of iterateOccurrences(compiled, after)) {
    if (instant > until) break;
    instants.push(instant);
  }
  return instants;
}
