import { z } from 'zod';
import { compileMatcher, nextLocal } from './calendar-search.ts';
import { asList, compileSchedule } from './compile-schedule.ts';
import type { CompiledSchedule } from './compiled-schedule.ts';
import { parseCron } from './cron/parse-cron.ts';
import { toInstant } from './instant.ts';
import { occurrences } from './occurrences.ts';
import type { Schedule } from './schedule.ts';
import { clockChanges } from './time-zone.ts';

const YEAR_MS = 366 * 86_400_000;
const SHORTEST_MS = 10_000;

/** Something that the author of a schedule may not have meant. */
export const Warning = z
  .strictObject({
    code: z.enum(['or_days', 'clock_change', 'missing_day', 'rare', 'frequent']),
    message: z.string(),
  })
  .meta({
    id: 'Warning',
    example: {
      code: 'or_days',
      message:
        '"0 0 13 * 5" fires on day 13 and on Fridays: either field is enough. dayMatch "and" wants both.',
    },
  });
export type Warning = z.infer<typeof Warning>;

/** What is worth a second look in a schedule, as it would fire from `now` on (milliseconds since the epoch). */
export function findWarnings(schedule: Schedule, now: number): Warning[] {
  const compiled = compileSchedule(schedule);
  return [...warnOfDays(schedule), ...warnOfClockChange(compiled, now), ...warnOfFrequency(compiled, now)];
}

function warnOfDays(schedule: Schedule): Warning[] {
  if (!('cron' in schedule)) return [];
  return asList(schedule.cron).flatMap((expression) => {
    const { dayOfMonth, dayOfWeek } = parseCron(expression);
    const shown = JSON.stringify(expression);
    const either = schedule.dayMatch !== 'and' && !dayOfMonth.star && !dayOfWeek.star;
    const orDays: Warning = {
      code: 'or_days',
      message: `${shown} restricts the day of month and the day of week: it fires when either matches. With dayMatch "and" both must.`,
    };
    // Days 29–31 alone: in shorter months nothing fires. Where another day is named besides, one was aware of it.
    const late =
      dayOfMonth.rules.length === 0 &&
      dayOfMonth.values.length > 0 &&
      dayOfMonth.values.every((day) => day > 28);
    const missingDay: Warning = {
      code: 'missing_day',
      message: `${shown} does not fire in months that have no day ${dayOfMonth.values.join(', ')}. "L" is the last day of every month.`,
    };
    return [...(either ? [orDays] : []), ...(late ? [missingDay] : [])];
  });
}

/** The next clock change that touches a time at which the schedule would fire. */
function warnOfClockChange(compiled: CompiledSchedule, now: number): Warning[] {
  for (const change of clockChanges(compiled.timeZone, now, now + YEAR_MS)) {
    for (const { calendar, gap, repeat } of compiled.calendars) {
      if (nextLocal(compileMatcher(calendar), change.localFrom, change.localTo) === undefined) continue;
      const at = `${toInstant(change.instant)} (${compiled.timeZone})`;
      const message =
        change.direction === 'forward'
          ? `At ${at} clocks go forward over a time of this schedule: ${gap === 'shift' ? 'it fires at the first instant after the gap' : 'it does not fire there'}.`
          : `At ${at} clocks go back over a time of this schedule: ${repeat === 'first' ? 'it fires the first time only' : 'it fires both times'}.`;
      return [{ code: 'clock_change', message }];
    }
  }
  return [];
}

function warnOfFrequency(compiled: CompiledSchedule, now: number): Warning[] {
  const instants = occurrences(compiled, now, 60);
  const distances = instants.slice(1).map((instant, index) => instant - (instants[index] as number));
  if (distances.some((distance) => distance < SHORTEST_MS)) {
    return [{ code: 'frequent', message: 'It fires more often than once in 10 seconds.' }];
  }
  const recurring = compiled.instants.length === 0 && compiled.endAt === undefined;
  if (recurring && distances.length > 0 && Math.min(...distances.slice(0, 2)) > YEAR_MS) {
    return [{ code: 'rare', message: 'It fires less than once a year.' }];
  }
  return [];
}
