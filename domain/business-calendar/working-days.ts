import { z } from 'zod';
import { DAY_MS } from '../milliseconds.ts';
import { daysOnWeekdays, FIRST_DAYS, monthOf } from '../schedule/day-table.ts';
import { CalendarDate } from './calendar-date.ts';

/**
 * The working days of a business calendar, with those that it includes: certain days of the week, except for the
 * days off, and some further days. This is what is stored with each schedule that uses the calendar, so that a schedule
 * can be evaluated alone.
 */
export const WorkingDays = z.strictObject({
  /** Days of the week, 0 (Sunday) to 6. */
  weekdays: z.array(z.int().min(0).max(6)),
  /** Ascending dates on these weekdays that are no working days. */
  off: z.array(CalendarDate),
  /** Ascending dates on other weekdays that are working days. */
  on: z.array(CalendarDate),
});
export type WorkingDays = z.infer<typeof WorkingDays>;

/** The days of a month as bits, bit 0 being the first; months are counted since January 1900 (day-table.ts). */
export type DaysOfMonth = (month: number) => number;

/** The working days of each month. Pure. */
export function workingDaysOfMonth({ weekdays, off, on }: WorkingDays): DaysOfMonth {
  const onWeekdays = weekdays.reduce((bits, weekday) => bits | (1 << weekday), 0);
  const offBits = toBits(off);
  const onBits = toBits(on);
  return (month) =>
    (daysOnWeekdays(month, onWeekdays) & ~(offBits.get(month) ?? 0)) | (onBits.get(month) ?? 0);
}

/** Tells whether a day, counted since 1970-01-01, is a working day. */
export type IsWorkingDay = (day: number) => boolean;

/** Compiles working days for asking day by day. Pure. */
export function isWorkingDay(days: WorkingDays): IsWorkingDay {
  const working = workingDaysOfMonth(days);
  return (day) => {
    const month = monthOf(day);
    return (working(month) & (1 << (day - (FIRST_DAYS[month] as number)))) !== 0;
  };
}

function toBits(dates: readonly string[]): Map<number, number> {
  const bits = new Map<number, number>();
  for (const date of dates) {
    const day = dayOf(date);
    const month = monthOf(day);
    bits.set(month, (bits.get(month) ?? 0) | (1 << (day - (FIRST_DAYS[month] as number))));
  }
  return bits;
}

/** The day of a date, counted since 1970-01-01. Pure. */
export const dayOf = (date: string): number => Date.parse(date) / DAY_MS;

/** The date of a day that is counted since 1970-01-01. Pure. */
export const dateOf = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** The day of the week of a day that is counted since 1970-01-01: 0 is Sunday. Pure. */
export const weekdayOf = (day: number): number => (((day + 4) % 7) + 7) % 7;
