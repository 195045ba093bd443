import { LAST_YEAR, type Range } from './calendar.ts';
import { compileMatcher, matchesLocal } from './calendar-search.ts';
import { compileSchedule } from './compile-schedule.ts';
import type { FieldError } from './errors.ts';
import { findPast } from './past-instants.ts';
import { toInstant } from './instant.ts';
import { iterateOccurrences, occurrences } from './occurrences.ts';
import type { CompiledSchedule } from './compiled-schedule.ts';
import type { Schedule } from './schedule.ts';
import { DAY_MS } from './milliseconds.ts';

/** A million takes Temporal's server some seconds. */
const MAX_EXCLUDED = 100_000;

/**
 * What keeps a new schedule from ever firing after `now` (milliseconds since the epoch): nothing, if the list is empty.
 * Of the instants of an `at`, those that the schedule `before` it had already may be past.
 */
export function findNeverFiring(schedule: Schedule, now: number, before?: Schedule): FieldError[] {
  if ('at' in schedule) {
    const past = findPast(schedule, now, before);
    if (past.length > 0) return past;
  }
  if ('cron' in schedule && Array.isArray(schedule.cron)) {
    const never = schedule.cron.flatMap((cron, index) =>
      fires(compileSchedule({ cron, timeZone: 'UTC', dayMatch: schedule.dayMatch }), now)
        ? []
        : [neverFires(`schedule.cron[${index}]`, JSON.stringify(cron))],
    );
    if (never.length > 0) return never;
  }
  const compiled = compileSchedule(schedule);
  if (fires(compiled, now)) return findExcessiveExclusion(compiled, now);
  const { endAt, ...endless } = compiled;
  if (endAt !== undefined && fires(endless, now)) {
    return [
      {
        path: 'schedule.endAt',
        code: 'never_fires',
        message: `no occurrence lies between now and ${toInstant(endAt)}`,
      },
    ];
  }
  if (fires({ ...endless, exclude: [] }, now)) {
    return [neverFires('schedule.exclude', 'everything is excluded; the schedule')];
  }
  if ('cron' in schedule) return [neverFires('schedule.cron', JSON.stringify(schedule.cron))];
  if ('at' in schedule) return [neverFires('schedule.at', 'the schedule')];
  return [neverFires('calendar' in schedule ? 'schedule.calendar' : 'schedule', 'the schedule')];
}

/**
 * Temporal's server passes excluded instants one by one, and holds up all schedules of its namespace while it does. So
 * a schedule that fires often may not be excluded for long.
 */
function findExcessiveExclusion(compiled: CompiledSchedule, now: number): FieldError[] {
  if (compiled.exclude.length === 0) return [];
  const perDay = occurrences({ ...compiled, exclude: [] }, now, MAX_EXCLUDED).filter(
    (instant) => instant <= now + DAY_MS,
  ).length;
  const wholeDays = compiled.exclude.filter(
    ({ hour, minute, second }) => coversTo(hour, 23) && coversTo(minute, 59) && coversTo(second, 59),
  );
  const matchers = wholeDays.map(compileMatcher);
  let daysInARow = 0;
  for (let day = Math.floor(now / DAY_MS) * DAY_MS; day < Date.UTC(LAST_YEAR + 1, 0, 1); day += DAY_MS) {
    daysInARow = matchers.some((matcher) => matchesLocal(matcher, day)) ? daysInARow + 1 : 0;
    if (daysInARow * perDay <= MAX_EXCLUDED) continue;
    const message = `rules out more than ${MAX_EXCLUDED} occurrences in a row; use startAt, endAt or a pause, or let it fire less often`;
    return [{ path: 'schedule.exclude', code: 'excludes_too_much', message }];
  }
  return [];
}

const coversTo = ([first]: Range[], last: number) =>
  first?.start === 0 && first.end === last && first.step === 1;

const fires = (schedule: CompiledSchedule, now: number) => !iterateOccurrences(schedule, now).next().done;

const neverFires = (path: string, what: string): FieldError => ({
  path,
  code: 'never_fires',
  message: `${what} never fires: no time from now to the end of 2100 matches`,
});
