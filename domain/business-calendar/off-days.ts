import { LAST_YEAR, FIRST_YEAR, numbers, toRanges, type Calendar } from '../schedule/calendar.ts';
import { dayOf, weekdayOf, type WorkingDays } from './working-days.ts';

const WHOLE_DAY = {
  second: [{ start: 0, end: 59, step: 1 }],
  minute: [{ start: 0, end: 59, step: 1 }],
  hour: [{ start: 0, end: 23, step: 1 }],
};
const EVERY_DAY = { dayOfMonth: toRanges(numbers(1, 31)), dayOfWeek: toRanges(numbers(0, 6)) };
const MONTHS = numbers(1, 12);

/**
 * All days that are no working days, as calendars that match these days as a whole: one for the days of the week, which has
 * no end, and one for each month with other days off. Pure.
 */
export function offDayCalendars({ weekdays, off, on }: WorkingDays): Calendar[] {
  return [
    ...daysOfWeekExcept(
      numbers(0, 6).filter((weekday) => !weekdays.includes(weekday)),
      on,
    ),
    ...byMonth(off).map(({ year, month, days }) => ({
      ...WHOLE_DAY,
      ...EVERY_DAY,
      dayOfMonth: toRanges(days),
      month: toRanges([month]),
      year: toRanges([year]),
    })),
  ];
}

/** Days of the week without some dates: without their years, and in these years without their months, and in these without the days. */
function daysOfWeekExcept(weekdays: number[], dates: readonly string[]): Calendar[] {
  if (weekdays.length === 0) return [];
  const base = { ...WHOLE_DAY, ...EVERY_DAY, dayOfWeek: toRanges(weekdays), month: toRanges(MONTHS) };
  const excepted = byMonth(dates.filter((date) => weekdays.includes(weekdayOf(dayOf(date)))));
  if (excepted.length === 0) return [base];
  const years = [...new Set(excepted.map(({ year }) => year))];
  const others = numbers(FIRST_YEAR, LAST_YEAR).filter((year) => !years.includes(year));
  return [
    { ...base, year: toRanges(others) },
    ...years.flatMap((year) => {
      const ofYear = excepted.filter((entry) => entry.year === year);
      const otherMonths = MONTHS.filter((month) => !ofYear.some((entry) => entry.month === month));
      const inYear = { ...base, year: toRanges([year]) };
      return [
        ...(otherMonths.length === 0 ? [] : [{ ...inYear, month: toRanges(otherMonths) }]),
        ...ofYear.map(({ month, days }) => ({
          ...inYear,
          month: toRanges([month]),
          dayOfMonth: toRanges(numbers(1, 31).filter((day) => !days.includes(day))),
        })),
      ];
    }),
  ];
}

/** Ascending dates by their months, each with its days of the month. */
function byMonth(dates: readonly string[]): { year: number; month: number; days: number[] }[] {
  const months = new Map<string, number[]>();
  for (const date of dates) {
    const month = date.slice(0, 7);
    months.set(month, [...(months.get(month) ?? []), Number(date.slice(8))]);
  }
  return [...months].map(([month, days]) => ({
    year: Number(month.slice(0, 4)),
    month: Number(month.slice(5)),
    days,
  }));
}
