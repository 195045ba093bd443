import { matchersOf, nextLocal, type Matcher } from './calendar-search.ts';
import { clockChangeRules, toArray, type CompiledSchedule } from './compile-schedule.ts';
import { prepareExclusions } from './exclusion-search.ts';
import { isLocalTime, toInstant } from '../instant.ts';
import { findLocalTime, parseLocalTime, type ClockChangeRules } from './local-time.ts';
import { DAY_MS, SECOND_MS } from '../milliseconds.ts';
import { occurrences } from './occurrences.ts';
import type { Schedule } from './schedule.ts';
import type { Warning } from './schedule-warning.ts';
import { clockChanges, zoneSegmentAt, type ClockChange } from './time-zone.ts';

const LOOK_AHEAD_MS = 366 * DAY_MS;

/** Warns of the next clock change that affects a time of the schedule, within a year of `now`. */
export function warnOfClockChange(schedule: Schedule, compiled: CompiledSchedule, now: number): Warning[] {
  if ('at' in schedule) {
    const rules = clockChangeRules(false, schedule.dst);
    return toArray(schedule.at)
      .flatMap((entry) => warnOfLocalTime(entry, compiled, rules, now))
      .slice(0, 1);
  }
  const { exclude, timeZone, startAt = -Infinity, endAt = Infinity } = compiled;
  const changes = clockChanges(timeZone, now, now + LOOK_AHEAD_MS).filter(
    ({ instant }) => startAt <= instant && instant <= endAt,
  );
  const groups = matchersOf(compiled);
  const excludedUntil = prepareExclusions(exclude);
  for (const change of changes) {
    const touched = groups.find(({ matcher, first }) => touches(change, matcher, first, excludedUntil));
    if (touched)
      return [warning(change.instant, change.direction, timeZone, touched.first, 'a time of this schedule')];
  }
  return [];
}

/**
 * Whether a clock change affects a local time that matches and is not excluded. A time that is shifted out of a gap is
 * excluded by what covers the time that it is shifted to.
 */
function touches(
  { localFrom, localTo, direction }: ClockChange,
  matcher: Matcher,
  { gap }: ClockChangeRules,
  excludedUntil: ReturnType<typeof prepareExclusions>,
): boolean {
  let local = nextLocal(matcher, localFrom, localTo);
  if (direction === 'forward' && gap === 'shift')
    return local !== undefined && excludedUntil(localTo, Infinity) === undefined;
  while (local !== undefined) {
    const end = excludedUntil(local, localTo);
    if (end === undefined) return true;
    local = nextLocal(matcher, end, localTo);
  }
  return false;
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
  const { shown, gapEnd } = findLocalTime(timeZone, parseLocalTime(entry));
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
