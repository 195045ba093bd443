import { FIRST_YEAR, LAST_YEAR, numbers, toRanges, type Calendar } from '../calendar.ts';
import type { CronExpression, DayOfMonthRule, DayOfWeekRule } from './parse-cron.ts';

/** Days, as an AND of four sets. A cron's day fields become a union of these. */
interface DaySet {
  month: number[];
  dayOfMonth: number[];
  dayOfWeek: number[];
  /** Missing: every year. */
  year?: number[];
}

const ALL_MONTHS = numbers(1, 12);
const ALL_DAYS = numbers(1, 31);
const ALL_WEEKDAYS = numbers(0, 6);
const MONDAY = 1;
const FRIDAY = 5;
const isLeap = (year: number) => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
const ALL_YEARS = numbers(FIRST_YEAR, LAST_YEAR);

/** The months of each length: everything that counts from a month's end is said once for each of these. */
const MONTHS_BY_LENGTH: { length: number; month: number[]; year?: number[] }[] = [
  { length: 31, month: [1, 3, 5, 7, 8, 10, 12] },
  { length: 30, month: [4, 6, 9, 11] },
  { length: 29, month: [2], year: ALL_YEARS.filter(isLeap) },
  { length: 28, month: [2], year: ALL_YEARS.filter((year) => !isLeap(year)) },
];

/** How the day of month and the day of week are combined: as cron does it, or by force. */
export type DayMatch = 'cron' | 'and' | 'or';

/**
 * Compiles a cron expression to calendars that together match exactly its times.
 * `cron` combines day of month and day of week as Debian's cron does it (crontab(5)): if either field begins with `*`,
 * both must match, else either one.
 */
export function compileCron(cron: CronExpression, dayMatch: DayMatch): Calendar[] {
  const byDayOfMonth: DaySet[] = cron.dayOfMonth.rules.flatMap(daysOfMonthRule);
  if (cron.dayOfMonth.values.length > 0) {
    byDayOfMonth.push({ month: ALL_MONTHS, dayOfMonth: cron.dayOfMonth.values, dayOfWeek: ALL_WEEKDAYS });
  }
  const byDayOfWeek: DaySet[] = cron.dayOfWeek.rules.flatMap(daysOfWeekRule);
  if (cron.dayOfWeek.values.length > 0) {
    byDayOfWeek.push({ month: ALL_MONTHS, dayOfMonth: ALL_DAYS, dayOfWeek: cron.dayOfWeek.values });
  }
  const days = bothDaysMustMatch(cron, dayMatch)
    ? byDayOfMonth.flatMap((left) => byDayOfWeek.map((right) => intersect(left, right)))
    : [...byDayOfMonth, ...byDayOfWeek];
  return days
    .map((set) => intersect(set, { month: cron.month.values, dayOfMonth: ALL_DAYS, dayOfWeek: ALL_WEEKDAYS }))
    .filter((set) => set.month.length > 0 && set.dayOfMonth.length > 0 && set.dayOfWeek.length > 0)
    .filter((set) => set.year === undefined || set.year.length > 0)
    .map((set) => ({
      second: toRanges(cron.second.values),
      minute: toRanges(cron.minute.values),
      hour: toRanges(cron.hour.values),
      dayOfMonth: toRanges(set.dayOfMonth),
      month: toRanges(set.month),
      dayOfWeek: toRanges(set.dayOfWeek),
      ...(set.year ? { year: toRanges(set.year) } : {}),
    }));
}

/** Whether the day of month and the day of week must both match, or either. */
export function bothDaysMustMatch(cron: CronExpression, dayMatch: DayMatch): boolean {
  return dayMatch === 'and' || (dayMatch === 'cron' && (cron.dayOfMonth.star || cron.dayOfWeek.star));
}

function intersect(left: DaySet, right: DaySet): DaySet {
  const both = (a: number[], b: number[]) => a.filter((value) => b.includes(value));
  const year = left.year && right.year ? both(left.year, right.year) : (left.year ?? right.year);
  return {
    month: both(left.month, right.month),
    dayOfMonth: both(left.dayOfMonth, right.dayOfMonth),
    dayOfWeek: both(left.dayOfWeek, right.dayOfWeek),
    ...(year ? { year } : {}),
  };
}

function daysOfMonthRule(rule: DayOfMonthRule): DaySet[] {
  return MONTHS_BY_LENGTH.flatMap(({ length, ...months }) => {
    if (rule.kind === 'lastDay') {
      const day = length - rule.offset;
      return day < 1 ? [] : [{ ...months, dayOfMonth: [day], dayOfWeek: ALL_WEEKDAYS }];
    }
    const day = rule.kind === 'lastWeekday' ? length : rule.day;
    return day > length ? [] : nearestWeekday(day, length).map((set) => ({ ...months, ...set }));
  });
}

/** The weekday nearest to a day, never leaving the month: on a Saturday the Friday before, on a Sunday the Monday after. */
function nearestWeekday(day: number, monthLength: number): { dayOfMonth: number[]; dayOfWeek: number[] }[] {
  const onSaturday =
    day === 1 ? { dayOfMonth: [3], dayOfWeek: [MONDAY] } : { dayOfMonth: [day - 1], dayOfWeek: [FRIDAY] };
  const onSunday =
    day === monthLength
      ? { dayOfMonth: [day - 2], dayOfWeek: [FRIDAY] }
      : { dayOfMonth: [day + 1], dayOfWeek: [MONDAY] };
  return [{ dayOfMonth: [day], dayOfWeek: numbers(MONDAY, FRIDAY) }, onSaturday, onSunday];
}

function daysOfWeekRule(rule: DayOfWeekRule): DaySet[] {
  if (rule.kind === 'nth') {
    const dayOfMonth = numbers((rule.nth - 1) * 7 + 1, Math.min(rule.nth * 7, 31));
    return [{ month: ALL_MONTHS, dayOfMonth, dayOfWeek: [rule.day] }];
  }
  return MONTHS_BY_LENGTH.map(({ length, ...months }) => ({
    ...months,
    dayOfMonth: numbers(length - 6, length),
    dayOfWeek: [rule.day],
  }));
}
