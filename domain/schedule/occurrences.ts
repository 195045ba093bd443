import { LAST_YEAR } from './calendar.ts';
import { matchersOf, nextLocal, type Matcher } from './calendar-search.ts';
import type { CompiledSchedule, Interval } from './compile-schedule.ts';
import type { ClockChangeRules } from './local-time.ts';
import { prepareExclusions } from './exclusion-search.ts';
import { clockChangeAtStart, zoneSegmentAt } from './time-zone.ts';
import { DAY_MS, SECOND_MS } from '../milliseconds.ts';

/**
 * The search gives up after this many steps of excluded occurrences in a row. Excluded minutes, hours and days take one
 * step each, so only exclusions with seconds come near it: a fortnight of every minute.
 */
const MAX_EXCLUDED_IN_A_ROW = 20_000;
/** The last instant at which a schedule can fire: Temporal's calendars end with this year. */
const LAST_INSTANT = Date.UTC(LAST_YEAR + 1, 0, 1) - 1;

/**
 * The first `limit` occurrences after `after` (exclusive), in milliseconds since the epoch, ascending and distinct. Pure,
 * as long as the time-zone data stays the same.
 */
export function occurrences(schedule: CompiledSchedule, after: number, limit: number): number[] {
  const instants: number[] = [];
  for (const instant of iterateOccurrences(schedule, after)) {
    if (instants.length >= limit) break;
    instants.push(instant);
  }
  return instants;
}

/**
 * Iterates over the occurrences after `after`. It ends with the schedule, or where exclusions rule out more occurrences in
 * a row than can be searched.
 */
export function* iterateOccurrences(schedule: CompiledSchedule, after: number): Generator<number> {
  const { timeZone } = schedule;
  const excludedUntil = prepareExclusions(schedule.exclude);
  const skipped = new Set(schedule.skipped);
  const lastInstant = Math.min(schedule.endAt ?? Infinity, LAST_INSTANT);
  const first =
    Math.floor(Math.max(after, (schedule.startAt ?? -Infinity) - 1) / SECOND_MS) * SECOND_MS + SECOND_MS;
  const sources = sourcesOf(schedule);
  // The next instant of each source. Only a source whose instant was passed searches again.
  const heads = sources.map((next) => next(first));
  let excludedInARow = 0;
  for (;;) {
    let instant = Infinity;
    for (const head of heads) if (head < instant) instant = head;
    if (instant > lastInstant || excludedInARow > MAX_EXCLUDED_IN_A_ROW) return;
    let resumeAt = instant + SECOND_MS;
    const segment = zoneSegmentAt(timeZone, instant);
    const end = excludedUntil(instant + segment.offset, segment.end + segment.offset);
    if (end === undefined) {
      excludedInARow = 0;
      if (!skipped.has(instant)) yield instant;
    } else {
      resumeAt = Math.max(resumeAt, end - segment.offset);
      excludedInARow++;
    }
    for (let index = 0; index < heads.length; index++) {
      if ((heads[index] as number) < resumeAt) heads[index] = (sources[index] as Source)(resumeAt);
    }
  }
}

/** Tells whether a schedule fires at an instant (milliseconds since the epoch), what is skipped left out. Pure. */
export const isOccurrence = (schedule: CompiledSchedule, instant: number): boolean =>
  occurrences(schedule, instant - 1, 1)[0] === instant;

/**
 * Returns a function that tells whether a schedule has an occurrence at an instant (milliseconds since the epoch), skipped or
 * not. Pure.
 */
export function prepareIsOccurrence(schedule: CompiledSchedule): (instant: number) => boolean {
  const { timeZone, startAt = -Infinity, endAt = Infinity } = schedule;
  const excludedUntil = prepareExclusions(schedule.exclude);
  const sources = sourcesOf(schedule);
  return (instant) => {
    if (instant < startAt || instant > Math.min(endAt, LAST_INSTANT)) return false;
    const { offset } = zoneSegmentAt(timeZone, instant);
    return (
      instant % SECOND_MS === 0 &&
      sources.some((next) => next(instant) === instant) &&
      excludedUntil(instant + offset, Infinity) === undefined
    );
  };
}

/** Finds the first instant of one part of a schedule that is not before `from`; Infinity if there is none. */
type Source = (from: number) => number;

function sourcesOf(schedule: CompiledSchedule): Source[] {
  const { intervals, instants, timeZone } = schedule;
  return [
    ...matchersOf(schedule).map(({ matcher, first }): Source => {
      return (from) => nextInCalendar(matcher, first, timeZone, from);
    }),
    ...intervals.map(
      (interval): Source =>
        (from) =>
          nextInInterval(interval, from),
    ),
    ...instants.map(
      (instant): Source =>
        (from) =>
          instant < from ? Infinity : instant,
    ),
  ];
}

function nextInInterval({ everyMs, offsetMs }: Interval, from: number): number {
  return Math.ceil((from - offsetMs) / everyMs) * everyMs + offsetMs;
}

/**
 * The first instant of a calendar that is not before `from`; Infinity if there is none. Between two changes of a zone's
 * offset, local time runs evenly, so each segment is searched as if it were UTC. A local time that the clocks leave out
 * lies in no segment, and one that they show twice lies in two.
 */
function nextInCalendar(matcher: Matcher, rules: ClockChangeRules, timeZone: string, from: number): number {
  let instant = from;
  while (instant <= LAST_INSTANT) {
    const segment = zoneSegmentAt(timeZone, instant);
    const change = clockChangeAtStart(timeZone, segment);
    if (change?.direction === 'forward' && rules.gap === 'shift' && instant === segment.start) {
      if (nextLocal(matcher, change.localFrom, change.localTo) !== undefined) return instant;
    }
    let localFrom = instant + segment.offset;
    if (change?.direction === 'back' && rules.repeat === 'first')
      localFrom = Math.max(localFrom, change.localTo);
    const local = nextLocal(matcher, localFrom, Infinity);
    if (local !== undefined && local < segment.end + segment.offset) return local - segment.offset;
    // Skips to shortly before the next match: no zone is more than a day away from UTC.
    instant = Math.max(segment.end, (local ?? Infinity) - 2 * DAY_MS);
  }
  return Infinity;
}

/**
 * The instants in (after, until] at which a matching local time is repeated and does not fire, because the schedule fires
 * only the first time (`repeat: "first"`). Pure.
 */
export function suppressedOccurrences(schedule: CompiledSchedule, after: number, until: number): number[] {
  const both = schedule.calendars.map((entry) => ({ ...entry, repeat: 'both' as const }));
  const suppressed: number[] = [];
  const fired = iterateOccurrences(schedule, after);
  let next = fired.next();
  for (const instant of iterateOccurrences({ ...schedule, calendars: both }, after)) {
    if (instant > until) break;
    while (!next.done && next.value < instant) next = fired.next();
    if (next.done || next.value !== instant) suppressed.push(instant);
  }
  return suppressed;
}
