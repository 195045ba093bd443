import { FIRST_YEAR, LAST_YEAR, numbers, toRanges, type Calendar, type Range } from '../calendar.ts';
import type { CronExpression } from './parse-cron.ts';

const DAYS = 31;
const FEBRUARY = 2;
const [MONDAY, FRIDAY] = [1, 5];
const EVERY_WEEKDAY = 127;
const isLeap = (year: number) => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
const ALL_YEARS = numbers(FIRST_YEAR, LAST_YEAR);
const LEAP_YEARS = toRanges(ALL_YEARS.filter(isLeap));
const COMMON_YEARS = toRanges(ALL_YEARS.filter((year) => !isLeap(year)));

/** The months by length: a rule that counts from the end of the month is a different day in each of these. */
const MONTHS_BY_LENGTH: { length: number; months: number[]; year?: Range[] }[] = [
  { length: 31, months: [1, 3, 5, 7, 8, 10, 12] },
  { length: 30, months: [4, 6, 9, 11] },
  { length: 29, months: [FEBRUARY], year: LEAP_YEARS },
  { length: 28, months: [FEBRUARY], year: COMMON_YEARS },
];

/** How day of month and day of week are combined: as cron does it, or explicitly. */
export type DayMatch = 'cron' | 'and' | 'or';

/**
 * Compiles a cron expression to calendars that together match exactly its times. No two of them match the same day.
 * With `cron`, day of month and day of week are combined as in Debian's cron (crontab(5)): if either field begins with
 * `*`, both must match; otherwise one of them is enough. Pure.
 */
export function compileCron(cron: CronExpression, dayMatch: DayMatch): Calendar[] {
  const times = {
    second: toRanges(cron.second.values),
    minute: toRanges(cron.minute.values),
    hour: toRanges(cron.hour.values),
  };
  return daysOf(cron, dayMatch).map(({ dayOfMonth, dayOfWeek, month, year }) => ({
    ...times,
    dayOfMonth: toRanges(dayOfMonth),
    month: toRanges(month),
    dayOfWeek: toRanges(numbers(0, 6).filter((day) => dayOfWeek & (1 << day))),
    ...(year ? { year } : {}),
  }));
}

/** Days of the month that match if they fall on certain weekdays (bits, Sunday first), in certain months and years. */
interface DaySet {
  dayOfMonth: number[];
  dayOfWeek: number;
  month: number[];
  /** Missing: every year. */
  year?: Range[];
}

/** For each length of month, finds the weekdays on which each day matches, and combines days with the same weekdays. */
function daysOf(cron: CronExpression, dayMatch: DayMatch): DaySet[] {
  const both = bothDaysMustMatch(cron, dayMatch);
  const sets = new Map<string, DaySet[]>();
  for (const { length, months, year } of MONTHS_BY_LENGTH) {
    const month = months.filter((value) => cron.month.values.includes(value));
    if (month.length === 0) continue;
    const byDayOfMonth = weekdaysByDayOfMonth(cron.dayOfMonth, length);
    const byDayOfWeek = weekdaysByDayOfWeek(cron.dayOfWeek, length);
    const days = new Map<number, number[]>();
    for (let day = 1; day <= DAYS; day++) {
      const [left, right] = [byDayOfMonth[day] as number, byDayOfWeek[day] as number];
      const dayOfWeek = both ? left & right : left | right;
      if (dayOfWeek !== 0) days.set(dayOfWeek, [...(days.get(dayOfWeek) ?? []), day]);
    }
    for (const [dayOfWeek, dayOfMonth] of days) {
      const key = `${dayOfWeek} ${dayOfMonth.join()}`;
      const set: DaySet = { dayOfMonth, dayOfWeek, month, ...(year ? { year } : {}) };
      sets.set(key, [...(sets.get(key) ?? []), set]);
    }
  }
  return [...sets.values()].flatMap(mergeMonths);
}

/** Merges sets of the same days into one, except for a February that matches only in leap years, or only in common years. */
function mergeMonths(sets: DaySet[]): DaySet[] {
  const ofFebruary = sets.filter(({ year }) => year !== undefined);
  const everyYear = sets.filter((set) => ofFebruary.length === 2 || set.year === undefined);
  const month = [...new Set(everyYear.flatMap((set) => set.month))].sort((a, b) => a - b);
  const [first] = sets as [DaySet];
  const merged =
    month.length > 0 ? [{ dayOfMonth: first.dayOfMonth, dayOfWeek: first.dayOfWeek, month }] : [];
  return ofFebruary.length === 1 ? [...merged, ...ofFebruary] : merged;
}

/** Whether day of month and day of week must both match, rather than one of them. Pure. */
export function bothDaysMustMatch(cron: CronExpression, dayMatch: DayMatch): boolean {
  return dayMatch === 'and' || (dayMatch === 'cron' && (cron.dayOfMonth.star || cron.dayOfWeek.star));
}

/** For each day of a month (1–31), the weekdays on which the day-of-month field matches. */
function weekdaysByDayOfMonth({ values, rules }: CronExpression['dayOfMonth'], length: number): Uint8Array {
  const weekdays = new Uint8Array(DAYS + 1);
  for (const value of values) weekdays[value] = EVERY_WEEKDAY;
  const add = (day: number, ...days: number[]) => {
    for (const weekday of days) weekdays[day]! |= 1 << weekday;
  };
  for (const rule of rules) {
    if (rule.kind === 'lastDay') {
      const day = length - rule.offset;
      if (day >= 1) weekdays[day] = EVERY_WEEKDAY;
      continue;
    }
    const day = rule.kind === 'lastWeekday' ? length : rule.day;
    if (day > length) continue;
    // The nearest weekday in the same month: the Friday before a Saturday, the Monday after a Sunday.
    add(day, ...numbers(MONDAY, FRIDAY));
    if (day === 1) add(3, MONDAY);
    else add(day - 1, FRIDAY);
    if (day === length) add(day - 2, FRIDAY);
    else add(day + 1, MONDAY);
  }
  return weekdays;
}

/** For each day of a month (1–31), the weekdays on which the day-of-week field matches. */
function weekdaysByDayOfWeek({ values, rules }: CronExpression['dayOfWeek'], length: number): Uint8Array {
  const always = values.reduce((bits, value) => bits | (1 << value), 0);
  const weekdays = new Uint8Array(DAYS + 1).fill(always);
  for (const rule of rules) {
    const [from, to] =
      rule.kind === 'nth' ? [(rule.nth - 1) * 7 + 1, Math.min(rule.nth * 7, DAYS)] : [length - 6, length];
    for (let day = from; day <= to; day++) weekdays[day]! |= 1 << rule.day;
  }
  return weekdays;
}
