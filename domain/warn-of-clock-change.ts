import { compileMatcher, nextLocal } from './calendar-search.ts';
import { asList, rulesOf } from './compile-schedule.ts';
import type { ClockChangeRules, CompiledSchedule } from './compiled-schedule.ts';
import { isLocalTime, toInstant } from './instant.ts';
import { findLocalTime, localSecondFrom } from './local-time.ts';
import { DAY_MS, SECOND_MS } from './milliseconds.ts';
import { occurrences } from './occurrences.ts';
import type { Schedule } from './schedule.ts';
import type { Warning } from './schedule-warning.ts';
import { clockChanges, zoneSegmentAt, type ClockChange } from './time-zone.ts';

const LOOK_AHEAD_MS = 366 * DAY_MS;

/** The next clock change that touches a time at which the schedule would fire. */
export function warnOfClockChange(schedule: Schedule, compiled: CompiledSchedule, now: number): Warning[] {
  if ('at' in schedule) {
    const rules = rulesOf(false, schedule.dst);
    return asList(schedule.at)
      .flatMap((entry) => warnOfLocalTime(entry, compiled, rules, now))
      .slice(0, 1);
  }
  const { startAt = -Infinity, endAt = Infinity } = compiled;
  for (const change of clockChanges(compiled.timeZone, now, now + LOOK_AHEAD_MS)) {
    if (change.instant < startAt || change.instant > endAt) continue;
    for (const entry of compiled.calendars) {
      if (touches(change, { ...compiled, calendars: [entry] }))
        return [
          warning(change.instant, change.direction, compiled.timeZone, entry, 'a time of this schedule'),
        ];
    }
  }
  return [];
}

/**
 * Whether a local time that is not excluded lies where the clocks change. Local times are searched as if they were UTC.
 * A time that is shifted out of a gap counts where it is shifted to.
 */
function touches({ localFrom, localTo, direction }: ClockChange, schedule: CompiledSchedule): boolean {
  const { calendars, exclude } = schedule;
  // Most calendars have no time there, which is found out cheaply.
  if (
    !calendars.some(({ calendar }) => nextLocal(compileMatcher(calendar), localFrom, localTo) !== undefined)
  )
    return false;
  const literally = { calendars, intervals: [], instants: [], timeZone: 'UTC' };
  const within = (excluded: typeof exclude) =>
    occurrences({ ...literally, exclude: excluded, endAt: localTo - SECOND_MS }, localFrom - SECOND_MS, 1)
      .length > 0;
  if (direction === 'back' || calendars[0]?.gap !== 'shift') return within(exclude);
  const wholeClock = [{ start: 0, end: 59, step: 1 }];
  const everySecond = {
    second: wholeClock,
    minute: wholeClock,
    hour: [{ start: 0, end: 23, step: 1 }],
    dayOfMonth: [{ start: 1, end: 31, step: 1 }],
    month: [{ start: 1, end: 12, step: 1 }],
    dayOfWeek: [{ start: 0, end: 6, step: 1 }],
  };
  const atEnd = {
    ...literally,
    calendars: [{ calendar: everySecond, gap: 'skip', repeat: 'both' } as const],
  };
  return within([]) && occurrences({ ...atEnd, exclude, endAt: localTo }, localTo - SECOND_MS, 1).length > 0;
}

function warnOfLocalTime(
  entry: string,
  compiled: CompiledSchedule,
  rules: ClockChangeRules,
  now: number,
): Warning[] {
  if (!isLocalTime(entry)) return [];
  const { timeZone } = compiled;
  const fires = (instant: number) => occurrences(compiled, instant - SECOND_MS, 1)[0] === instant;
  const { shown, gapEnd } = findLocalTime(timeZone, localSecondFrom(entry));
  if (gapEnd !== undefined) {
    const isTouched = gapEnd > now && (rules.gap === 'skip' || fires(gapEnd));
    return isTouched ? [warning(gapEnd, 'forward', timeZone, rules, entry)] : [];
  }
  const [first, second] = shown;
  if (first === undefined || second === undefined || second <= now || !fires(first)) return [];
  return [warning(zoneSegmentAt(timeZone, second).start, 'back', timeZone, rules, entry)];
}

function warning(
  instant: number,
  direction: ClockChange['direction'],
  zone: string,
  { gap, repeat }: ClockChangeRules,
  what: string,
): Warning {
  const at = `${toInstant(instant)} (${zone})`;
  const message =
    direction === 'forward'
      ? `At ${at} clocks go forward over ${what}: ${gap === 'shift' ? 'it fires at the first instant after the gap' : 'it does not fire there'}.`
      : `At ${at} clocks go back over ${what}: ${repeat === 'first' ? 'it fires the first time only' : 'it fires both times'}.`;
  return { code: 'clock_change', message };
}
