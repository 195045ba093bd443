import { LAST_YEAR } from './calendar.ts';
import { DAY_MS } from '../milliseconds.ts';

// Days are counted since 1970-01-01, and are negative before; months are counted since January 1900. A set of days of
// a month is a number whose bit 0 is the first day, so that a single operation combines two sets.

/** The first year that calendars are searched in. No earlier instant is accepted. */
const BASE_YEAR = 1900;

/** The number of months from 1900 to the end of 2100. */
export const MONTH_COUNT = (LAST_YEAR + 1 - BASE_YEAR) * 12;

/** The first day of each month, and of the month after the last. */
export const FIRST_DAYS = Int32Array.from(
  { length: MONTH_COUNT + 1 },
  (_, month) => Date.UTC(BASE_YEAR, month, 1) / DAY_MS,
);

/** The first day that calendars are searched in: 1900-01-01. */
export const FIRST_DAY = FIRST_DAYS[0] as number;

/** The day after the last day that calendars are searched in: 2101-01-01. */
export const END_OF_DAYS = FIRST_DAYS[MONTH_COUNT] as number;

const MONTHS = new Uint16Array(END_OF_DAYS - FIRST_DAY);
for (let month = 0; month < MONTH_COUNT; month++)
  MONTHS.fill(
    month,
    (FIRST_DAYS[month] as number) - FIRST_DAY,
    (FIRST_DAYS[month + 1] as number) - FIRST_DAY,
  );

/** The month of a day in [FIRST_DAY, END_OF_DAYS). */
export const monthOf = (day: number): number => MONTHS[day - FIRST_DAY] as number;

/** The index of a month (1–12) of a year. */
export const monthAt = (year: number, month: number): number => (year - BASE_YEAR) * 12 + month - 1;

/** The year of a month. */
export const yearOf = (month: number): number => BASE_YEAR + Math.floor(month / 12);

/**
 * The days of a month of 31 days that fall on some weekdays. The index is the weekday of the first day (bits 7 and up)
 * and the set of weekdays (bits 0–6, Sunday first).
 */
const WEEKDAYS_IN_MONTH = Int32Array.from({ length: 7 * 128 }, (_, index) => {
  const [first, weekdays] = [index >> 7, index & 127];
  let days = 0;
  for (let day = 0; day < 31; day++) if (weekdays & (1 << ((first + day) % 7))) days |= 1 << day;
  return days;
});

/** The days of a month that fall on some weekdays, which are a set of seven bits with Sunday first. */
export function daysOnWeekdays(month: number, weekdays: number): number {
  const firstDay = FIRST_DAYS[month] as number;
  const length = (FIRST_DAYS[month + 1] as number) - firstDay;
  // The first day of 1900 was a Monday.
  const firstWeekday = (firstDay - FIRST_DAY + 1) % 7;
  return (WEEKDAYS_IN_MONTH[(firstWeekday << 7) | weekdays] as number) & (0x7fff_ffff >>> (31 - length));
}
