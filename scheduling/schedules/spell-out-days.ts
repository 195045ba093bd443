import { numbers, toRanges, type Calendar } from '../../domain/schedule/calendar.ts';
import { daysIn, matchersOf } from '../../domain/schedule/calendar-search.ts';
import type { CalendarEntry, CompiledSchedule } from '../../domain/schedule/compile-schedule.ts';
import { monthAt } from '../../domain/schedule/day-table.ts';

const MONTHS = numbers(1, 12);

/**
 * A schedule without business days that fires at the same instants from the year `from` to the year `to`, both included:
 * the days to which occurrences are moved, and working days by number, become calendars of their own. Days off are excluded by
 * the schedule already. Pure.
 */
export function spellOutDays(schedule: CompiledSchedule, from: number, to: number): CompiledSchedule {
  const { businessDays, ...plain } = schedule;
  if (!businessDays) return schedule;
  const isMoving = businessDays.otherwise !== 'skip';
  const calendars = matchersOf(schedule).flatMap(({ matcher, entries }) => {
    const [first] = entries as [CalendarEntry, ...CalendarEntry[]];
    const plainEntries = entries.filter(({ businessDay }) => businessDay === undefined);
    if (!isMoving && plainEntries.length === entries.length) return plainEntries;
    const [held] = matchersOf({ calendars: plainEntries });
    const added = numbers(from, to).flatMap((year) => {
      const byDays = new Map<number, number[]>();
      for (const month of MONTHS) {
        const index = monthAt(year, month);
        const days = daysIn(matcher, index) & ~(held ? daysIn(held.matcher, index) : 0);
        if (days !== 0) byDays.set(days, [...(byDays.get(days) ?? []), month]);
      }
      return [...byDays].map(([days, months]) => onDays(first, year, months, days));
    });
    return [...plainEntries, ...added];
  });
  return { ...plain, calendars };
}

/** An entry on certain days of certain months. */
function onDays(
  { calendar, gap, repeat }: CalendarEntry,
  year: number,
  months: number[],
  days: number,
): CalendarEntry {
  const spelledOut: Calendar = {
    second: calendar.second,
    minute: calendar.minute,
    hour: calendar.hour,
    dayOfMonth: toRanges(numbers(1, 31).filter((day) => (days & (1 << (day - 1))) !== 0)),
    month: toRanges(months),
    dayOfWeek: toRanges(numbers(0, 6)),
    year: toRanges([year]),
  };
  return { calendar: spelledOut, gap, repeat };
}
