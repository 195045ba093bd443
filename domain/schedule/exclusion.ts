import { z } from 'zod';
import { CalendarDate } from '../business-calendar/calendar-date.ts';
import { numbers, toRanges, type Calendar } from './calendar.ts';
import { CalendarInput, toCalendar } from './calendar-schema.ts';
import { compileCron } from './cron/compile-cron.ts';
import { CronText } from './cron/cron-schema.ts';
import { parseCron } from './cron/parse-cron.ts';

const MAX_RANGE_YEARS = 20;

const DateRange = z
  .strictObject({ from: CalendarDate, to: CalendarDate })
  .refine(({ from, to }) => from <= to, { path: ['to'], error: 'must not lie before from' })
  .refine(({ from, to }) => Number(to.slice(0, 4)) - Number(from.slice(0, 4)) <= MAX_RANGE_YEARS, {
    path: ['to'],
    error: `the range must not be longer than ${MAX_RANGE_YEARS} years`,
  });

/** An exclusion is by local time alone; working days are chosen by `businessDays`. */
const ExcludedCalendar = CalendarInput.omit({ businessDay: true }).meta({ id: 'ExcludedCalendar' });

/** Local times at which a schedule does not fire: a date, a range of dates, a cron, or a calendar. */
export const Exclusion = z
  .union([
    z.strictObject({ date: CalendarDate }),
    DateRange,
    z.strictObject({ cron: CronText }),
    z.strictObject({ calendar: ExcludedCalendar }),
  ])
  .meta({
    id: 'Exclusion',
    description:
      'A date, a range of dates (both ends included), a cron (of five fields: the whole minute), or a calendar (seconds left out: the whole minute).',
    example: { date: '2026-12-25' },
  });
export type Exclusion = z.infer<typeof Exclusion>;

const wholeDay = {
  second: [{ start: 0, end: 59, step: 1 }],
  minute: [{ start: 0, end: 59, step: 1 }],
  hour: [{ start: 0, end: 23, step: 1 }],
  dayOfWeek: [{ start: 0, end: 6, step: 1 }],
};

/** Compiles an exclusion to the calendars that match the local times it rules out. Pure. */
export function compileExclusion(exclusion: Exclusion): Calendar[] {
  if ('date' in exclusion) return compileDates(exclusion.date, exclusion.date);
  if ('from' in exclusion) return compileDates(exclusion.from, exclusion.to);
  if ('calendar' in exclusion) return [toCalendar(exclusion.calendar, { second: '*' })];
  const cron = parseCron(exclusion.cron);
  const hasSeconds = exclusion.cron.trim().split(/[ \t]+/).length === 6;
  return compileCron(cron, 'cron').map((calendar) =>
    hasSeconds ? calendar : { ...calendar, second: wholeDay.second },
  );
}

/** As few calendars as possible for a range of dates: one for whole years, one for whole months of a year, … */
function compileDates(from: string, to: string): Calendar[] {
  const [firstYear, firstMonth, firstDay] = from.split('-').map(Number) as [number, number, number];
  const [lastYear, lastMonth, lastDay] = to.split('-').map(Number) as [number, number, number];
  const calendars: Calendar[] = [];
  const wholeYears = numbers(firstYear + 1, lastYear - 1);
  for (const year of new Set([firstYear, lastYear])) {
    const wholeMonths: number[] = [];
    for (const month of numbers(year === firstYear ? firstMonth : 1, year === lastYear ? lastMonth : 12)) {
      const length = new Date(Date.UTC(year, month, 0)).getUTCDate();
      const begin = year === firstYear && month === firstMonth ? firstDay : 1;
      const end = year === lastYear && month === lastMonth ? lastDay : length;
      if (begin === 1 && end === length) wholeMonths.push(month);
      else calendars.push(days([year], [month], begin, end));
    }
    if (wholeMonths.length === 12) wholeYears.push(year);
    else if (wholeMonths.length > 0) calendars.push(days([year], wholeMonths, 1, 31));
  }
  if (wholeYears.length > 0) calendars.push(days(wholeYears, numbers(1, 12), 1, 31));
  return calendars;
}

const days = (years: number[], months: number[], begin: number, end: number): Calendar => ({
  ...wholeDay,
  dayOfMonth: toRanges(numbers(begin, end)),
  month: toRanges(months),
  year: toRanges(years),
});
