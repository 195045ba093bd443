import { toValues } from './calendar.ts';
import { toCalendar } from './calendar-schema.ts';
import { toArray } from './compile-schedule.ts';
import { bothDaysMustMatch } from './cron/compile-cron.ts';
import { MONTH_NAMES } from './cron/fields.ts';
import { parseCron } from './cron/parse-cron.ts';
import type { Schedule } from './schedule.ts';
import type { Warning } from './schedule-warning.ts';

/** The length of each month in a common year. */
const LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Warns of days that the author of a schedule may not have meant. */
export function warnOfDays(schedule: Schedule): Warning[] {
  if ('calendar' in schedule) {
    return schedule.calendar.flatMap((input, index) => {
      const { dayOfMonth, month } = toCalendar({ dayOfMonth: input.dayOfMonth, month: input.month });
      return warnOfMissingDay(`calendar[${index}]`, toValues(dayOfMonth), toValues(month), '');
    });
  }
  if (!('cron' in schedule)) return [];
  return toArray(schedule.cron).flatMap((expression) => {
    const cron = parseCron(expression);
    const { dayOfMonth, dayOfWeek, month } = cron;
    const shown = JSON.stringify(expression);
    const isEither = !bothDaysMustMatch(cron, schedule.dayMatch ?? 'cron');
    const orDays: Warning = {
      code: 'or_days',
      message: `${shown} restricts the day of month and the day of week: it fires when either matches. With dayMatch "and" both must.`,
    };
    const restrictsBoth = isEither && !dayOfMonth.star && !dayOfWeek.star;
    // With a rule such as L, or if the day of the week alone is enough, it fires in every month.
    const late = dayOfMonth.rules.length > 0 || isEither ? [] : dayOfMonth.values;
    const hint = ' "L" is the last day of every month.';
    return [...(restrictsBoth ? [orDays] : []), ...warnOfMissingDay(shown, late, month.values, hint)];
  });
}

/** Warns if only days 29–31 are named, because nothing fires in shorter months. */
function warnOfMissingDay(shown: string, days: number[], months: number[], hint: string): Warning[] {
  const first = Math.min(...days);
  const without = months.filter((month) => (LENGTHS[month - 1] as number) < first);
  if (days.length === 0 || without.length === 0) return [];
  const names = without.map((month) =>
    month === 2 && first === 29 ? 'FEB of most years' : MONTH_NAMES[month - 1],
  );
  const message = `${shown} does not fire in ${names.join(', ')}, which have no day ${days.join(', ')}.${hint}`;
  return [{ code: 'missing_day', message }];
}
