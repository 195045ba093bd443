import { requireFitSchedule } from '../../api/rest/fit-schedule.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { SchedulerError } from '../../domain/errors.ts';
import { occurrences } from '../../domain/schedule/occurrences.ts';
import { findWarnings } from '../../domain/schedule/find-warnings.ts';
import { summarizeSchedule } from '../../domain/schedule/schedule-summary.ts';
import { Schedule } from '../../domain/schedule/schedule.ts';
import { temporalScheduleSpec } from '../../scheduling/schedules/schedule-options.ts';

// Prints the CPU times of the most expensive schedules as JSON. Runs in its own process, because code runs about five times
// slower within jest.
const NOW = Date.parse('2026-11-29T06:00:00Z');
const MOST = 50;

const times = <Entry>(count: number, make: (index: number) => Entry) =>
  Array.from({ length: count }, (_, index) => make(index));
const timeZone = 'Europe/Berlin';
const everyDayRule = [
  'L,LW',
  ...times(31, (day) => `${day + 1}W`),
  ...times(30, (days) => `L-${days + 1}`),
].join();
const everyWeekdayRule = times(7, (day) =>
  [`${day}L`, ...times(5, (nth) => `${day}#${nth + 1}`)].join(),
).join();
const someSeconds = (start: number) => times(29, (index) => (start + index * 7) % 60).join();

/** The most expensive schedules that the schema accepts, each for another reason. */
const COSTLY: Record<string, object> = {
  'fifty times the same rules': {
    cron: times(MOST, () => '* * * L,LW,15W * 5L'),
    exclude: [{ date: '2026-12-25' }],
  },
  'fifty sets of rules': {
    cron: times(MOST, (minute) => `${minute} * * L,LW,15W * 5L`),
    exclude: [{ date: '2026-12-25' }],
  },
  'rules in as few calendars as are taken': {
    cron: times(15, (minute) => `${minute} 2 L,LW,15W * 5L`),
    exclude: times(14, (minute) => ({ cron: `${minute} 4 L,LW,15W * 5L` })),
  },
  'every rule that there is, both must match': {
    cron: times(13, (minute) => `${minute} ${minute} ${everyDayRule} * ${everyWeekdayRule}`),
    dayMatch: 'and',
  },
  'every rule that there is, excluded by every rule': {
    cron: times(13, (minute) => `* ${minute} * ${everyDayRule} * ${everyWeekdayRule}`),
    exclude: times(MOST, (minute) => ({ cron: `* ${minute} * ${everyDayRule} * ${everyWeekdayRule}` })),
  },
  'every second, fifty times': { cron: times(MOST, (month) => `* * * * ${(month % 12) + 1} *`) },
  'odd seconds, fifty times': { cron: times(MOST, (second) => `${someSeconds(second)} * * * * *`) },
  'every second in a zone that changes its clocks for Ramadan': {
    cron: times(30, (step) => `*/${step + 1} * * * * *`),
    timeZone: 'Africa/Casablanca',
  },
  'every second without fifty times twenty years': {
    every: '1s',
    exclude: times(MOST, (year) => ({ from: `${2027 + year}-01-02`, to: `${2046 + year}-12-30` })),
  },
  'every morning without fifty times twenty years': {
    cron: '0 9 * * *',
    exclude: times(MOST, (year) => ({ from: `${2027 + year}-01-02`, to: `${2046 + year}-12-30` })),
  },
  'each of fifty minutes, excluded in halves': {
    cron: times(MOST, (minute) => `${minute} * * * *`),
    exclude: [{ cron: '0-29 * * * *' }, { cron: '30-59 * * * *' }],
  },
  'every second, excluded in halves': {
    every: '1s',
    exclude: [{ cron: '0-29 * * * * *' }, { cron: '30-59 * * * * *' }],
  },
  'each of fifty seconds, each excluded': {
    cron: times(MOST, (second) => `${second} * * * * *`),
    exclude: times(MOST, (second) => ({ cron: `${second} * * * * *` })),
  },
  'each of fifty seconds in an hour, each excluded for a week': {
    cron: times(MOST, (second) => `${second} * 5 * * *`),
    exclude: times(MOST, (second) => ({
      calendar: { second, minute: '*', hour: '*', dayOfMonth: { start: 1, end: 7 } },
    })),
  },
  'days that no month has': { cron: times(MOST, (minute) => `${minute} 0 31 2,4,6,9,11 *`) },
  'a day that comes every 28 years, excluded': {
    cron: times(MOST, (minute) => `${minute} 2 29 2 1`),
    dayMatch: 'and',
    timeZone: 'America/New_York',
    exclude: times(49, (minute) => ({ cron: `${minute} 2 29 2 *` })),
  },
  'the last year that there is': {
    calendar: times(MOST, (second) => ({ second, minute: '*', hour: '*', year: 2100 - (second % 3) })),
    timeZone: 'Africa/Casablanca',
  },
  'a hundred ranges a field, fifty times': {
    calendar: times(MOST, (index) => ({
      second: times(100, (start) => ({ start: start % 60, end: 59 })),
      minute: times(100, (start) => ({ start: start % 60, end: 59, step: 1 + ((start + index) % 59) })),
      hour: '*',
      year: times(100, (year) => ({ start: 2000 + year, end: 2100 })),
    })),
  },
  'an end in 2099, and hours that are excluded': {
    cron: times(MOST, (minute) => `${minute} 0 31 1 *`),
    endAt: '2099-12-31T00:00:00Z',
    maxRuns: 5,
    exclude: times(MOST, (index) => ({ cron: `* * * ${(index % 12) + 1} ${index % 7}` })),
  },
  'local times, each perhaps excluded': {
    at: times(MOST, (minute) => `2099-0${(minute % 9) + 1}-01T02:${minute + 10}:00`),
    timeZone: 'Australia/Lord_Howe',
    exclude: times(MOST, (year) => ({ from: `20${year + 10}-01-01`, to: `20${year + 30}-12-31` })),
  },
};

/** The smallest CPU time of several tries, in milliseconds. */
function costOf(work: () => void): number {
  const costs = times(8, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  });
  return Math.min(...costs);
}

/** Does with a schedule what reading a job does. */
function read(schedule: Schedule) {
  const compiled = compileSchedule(schedule);
  occurrences(compiled, NOW, 5);
  findWarnings(schedule, NOW, compiled);
  summarizeSchedule(schedule);
}

/** Does with a schedule what creating a job does: checks, compiles and reads it. Returns whether it is accepted. */
function make(input: object): boolean {
  const schedule = Schedule.parse(input);
  try {
    requireFitSchedule(schedule, NOW, { limits: { minIntervalMs: 0, jobsPerNamespace: undefined } });
  } catch (error) {
    if (error instanceof SchedulerError) return false;
    throw error;
  }
  occurrences(compileSchedule(schedule), NOW, 1);
  temporalScheduleSpec(compileSchedule(schedule), NOW);
  read(schedule);
  return true;
}

const report = Object.entries(COSTLY).map(([name, parts]) => {
  const input = { timeZone, ...parts };
  const made = costOf(() => make(input));
  // A refused schedule is never read.
  const isRead = make(input);
  const schedule = Schedule.parse(input);
  return { name, made, read: isRead ? costOf(() => read(schedule)) : 0 };
});
console.log(JSON.stringify(report));
