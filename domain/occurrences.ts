import { LAST_YEAR, toValues, type Calendar, type Range } from './calendar.ts';
import { compileMatcher, matchesLocal, nextLocal, type Matcher } from './calendar-search.ts';
import type { ClockChangeRules, CompiledSchedule, Interval } from './compiled-schedule.ts';
import { clockChangeAtStart, zoneSegmentAt } from './time-zone.ts';
import { DAY_MS, SECOND_MS } from './milliseconds.ts';

const MAX_EXCLUDED_IN_A_ROW = 100_000;
/** After it nothing fires: Temporal's calendars end with this year. */
const LAST_INSTANT = Date.UTC(LAST_YEAR + 1, 0, 1) - 1;

/**
 * The first `limit` instants (milliseconds since the epoch, ascending, each once) after `after` at which a schedule
 * fires. The instant `after` itself is not among them. Pure: the same input gives the same instants, as long as the
 * time-zone data is the same.
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
 * The instants after `after` at which a schedule fires, one by one. Ends only where the schedule does, or where its
 * exclusions rule out so much that it can not be searched.
 */
export function* iterateOccurrences(schedule: CompiledSchedule, after: number): Generator<number> {
  const { timeZone } = schedule;
  const exclusions = schedule.exclude.map((calendar) => ({
    matcher: compileMatcher(calendar),
    unitMs: unitOf(calendar),
  }));
  const lastInstant = Math.min(schedule.endAt ?? Infinity, LAST_INSTANT);
  const first =
    Math.floor(Math.max(after, (schedule.startAt ?? -Infinity) - 1) / SECOND_MS) * SECOND_MS + SECOND_MS;
  const sources = [
    ...schedule.calendars.map(({ calendar, ...rules }) => {
      const matcher = compileMatcher(calendar);
      return (from: number) => nextInCalendar(matcher, rules, timeZone, from);
    }),
    ...schedule.intervals.map((interval) => (from: number) => nextInInterval(interval, from)),
    ...schedule.instants.map((instant) => (from: number) => (instant < from ? Infinity : instant)),
  ];
  // Each source keeps the next instant that it has: only those that were passed have to look for another.
  const heads = sources.map((next) => next(first));
  let excludedInARow = 0;
  for (;;) {
    const instant = Math.min(...heads);
    if (instant > lastInstant || excludedInARow > MAX_EXCLUDED_IN_A_ROW) return;
    let resumeAt = instant + SECOND_MS;
    const segment = zoneSegmentAt(timeZone, instant);
    const local = instant + segment.offset;
    const exclusion = exclusions.find(({ matcher }) => matchesLocal(matcher, local));
    if (exclusion) {
      // What rules out a whole minute, hour or day is passed in one step, as long as local time runs evenly.
      const end = Math.floor(local / exclusion.unitMs) * exclusion.unitMs + exclusion.unitMs;
      resumeAt = Math.max(resumeAt, Math.min(end - segment.offset, segment.end));
      excludedInARow++;
    } else {
      excludedInARow = 0;
      yield instant;
    }
    for (const [index, next] of sources.entries()) {
      if ((heads[index] as number) < resumeAt) heads[index] = next(resumeAt);
    }
  }
}

/** The longest stretch of the clock that a calendar matches wholly whenever it matches in it. */
function unitOf(calendar: Calendar): number {
  const isFull = (ranges: Range[], count: number) => toValues(ranges).length === count;
  if (!isFull(calendar.second, 60)) return SECOND_MS;
  if (!isFull(calendar.minute, 60)) return 60 * SECOND_MS;
  return isFull(calendar.hour, 24) ? DAY_MS : 3_600 * SECOND_MS;
}

function nextInInterval({ everyMs, offsetMs }: Interval, from: number): number {
  return Math.ceil((from - offsetMs) / everyMs) * everyMs + offsetMs;
}

/**
 * The first instant from `from` on at which a calendar fires; Infinity if there is none.
 * Between two changes of a zone's offset, local time runs evenly: so each stretch is searched as if it were UTC. A
 * local time that the clocks leave out lies in no stretch, and one that they show twice lies in two.
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
    const local = nextLocal(matcher, localFrom, segment.end + segment.offset);
    if (local !== undefined) return local - segment.offset;
    instant = segment.end;
  }
  return Infinity;
}

/**
 * The instants in (after, until] at which a repeated local time comes by a second time and does not fire, because the
 * schedule fires only at the first (`repeat: "first"`).
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
