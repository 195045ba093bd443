import { compileMatcher, nextDay } from './calendar-search.ts';
import { compileSchedule, type CompiledSchedule } from './compile-schedule.ts';
import { compileCron, type DayMatch } from './cron/compile-cron.ts';
import { parseCron } from './cron/parse-cron.ts';
import type { FieldError } from '../errors.ts';
import { findExcessiveExclusion } from './excessive-exclusion.ts';
import { findPastInstants } from './past-instants.ts';
import { DAY_MS } from '../milliseconds.ts';
import { toInstant } from '../instant.ts';
import { iterateOccurrences } from './occurrences.ts';
import type { Schedule } from './schedule.ts';

/**
 * Checks that a new schedule has an occurrence after `now` (milliseconds since the epoch), and does not exclude too many
 * in a row. An instant of an `at` may be in the past if the previous schedule, `before`, already had it. Pure.
 */
export function checkWillFire(
  schedule: Schedule,
  now: number,
  before?: Schedule,
  compiled: CompiledSchedule = compileSchedule(schedule),
): FieldError[] {
  if ('at' in schedule) {
    const past = findPastInstants(schedule, now, before);
    if (past.length > 0) return past;
  }
  if ('cron' in schedule && Array.isArray(schedule.cron)) {
    const never = schedule.cron.flatMap((cron, index) =>
      matchesDays(cron, schedule.dayMatch, now)
        ? []
        : [neverFires(`schedule.cron[${index}]`, JSON.stringify(cron))],
    );
    if (never.length > 0) return never;
  }
  if (fires(compiled, now)) return findExcessiveExclusion(compiled, now);
  const { endAt, businessDays, ...endless } = compiled;
  if (endAt !== undefined && fires(businessDays ? { ...endless, businessDays } : endless, now)) {
    return [
      {
        path: 'schedule.endAt',
        code: 'never_fires',
        message: `no occurrence lies between now and ${toInstant(endAt)}`,
      },
    ];
  }
  if (fires({ ...endless, exclude: [] }, now)) {
    const path = schedule.exclude === undefined ? 'schedule.businessDays' : 'schedule.exclude';
    return [neverFires(path, 'everything is excluded; the schedule')];
  }
  if ('cron' in schedule) return [neverFires('schedule.cron', JSON.stringify(schedule.cron))];
  if ('at' in schedule) return [neverFires('schedule.at', 'the schedule')];
  return [neverFires('calendar' in schedule ? 'schedule.calendar' : 'schedule', 'the schedule')];
}

/** Whether a cron expression matches any day from today on. */
const matchesDays = (cron: string, dayMatch: DayMatch = 'cron', now: number) =>
  compileCron(parseCron(cron), dayMatch).some(
    (calendar) => nextDay(compileMatcher(calendar), Math.floor(now / DAY_MS)) !== undefined,
  );

const fires = (schedule: CompiledSchedule, now: number) => !iterateOccurrences(schedule, now).next().done;

const neverFires = (path: string, what: string): FieldError => ({
  path,
  code: 'never_fires',
  message: `${what} never fires: no time from now to the end of 2100 matches`,
});
