import { LAST_YEAR } from './calendar.ts';
import { matchersByTimeOfDay, matchersOf, matchesDay } from './calendar-search.ts';
import type { CompiledSchedule } from './compile-schedule.ts';
import { DAY_MS, SECOND_MS } from '../milliseconds.ts';
import { iterateOccurrences } from './occurrences.ts';
import { zoneSegmentAt } from './time-zone.ts';

/** The most occurrences that one step counts one by one. */
const MAX_PER_STEP = 1_000;
const END_OF_TIME = Date.UTC(LAST_YEAR + 1, 0, 1);

/** The number of occurrences after the end of the last step, up to `to` (milliseconds since the epoch, included). */
export interface CountStep {
  count: number;
  to: number;
}

/**
 * Counts the occurrences of a schedule in (after, until]. It counts in short steps, so that the caller can yield to other
 * work in between, or stop. Days on which the same calendars match and no clock changes have the same number of
 * occurrences. The days of each such kind are counted once, so a year takes hardly longer than its kinds of days.
 */
export function* countOccurrences(
  schedule: CompiledSchedule,
  after: number,
  until: number,
): Generator<CountStep> {
  const counts = new Map<string, number>();
  const kindOf = kindsOfDays(schedule);
  const toSecond = (instant: number) => Math.floor(instant / SECOND_MS) * SECOND_MS + SECOND_MS;
  const end = Math.min(toSecond(until), toSecond(schedule.endAt ?? Infinity), END_OF_TIME);
  let start = Math.max(toSecond(after), toSecond((schedule.startAt ?? -Infinity) - 1));
  while (start < end) {
    const { segmentStart, localStart, next } = restOfDay(schedule.timeZone, start);
    const pieceEnd = Math.min(next, end);
    const isWhole = localStart % DAY_MS === 0 && pieceEnd - start === DAY_MS && start > segmentStart;
    const kind = isWhole ? kindOf(start, localStart) : undefined;
    const known = kind === undefined ? undefined : counts.get(kind);
    if (known !== undefined) yield { count: known, to: pieceEnd - 1 };
    else {
      const steps = countOneByOne(schedule, start, pieceEnd);
      let count = 0;
      for (const step of steps) {
        count += step.count;
        yield step;
      }
      if (kind !== undefined) counts.set(kind, count);
    }
    start = pieceEnd;
  }
  yield { count: 0, to: until };
}

function* countOneByOne(schedule: CompiledSchedule, start: number, end: number): Generator<CountStep> {
  let count = 0;
  for (const instant of iterateOccurrences(schedule, start - 1)) {
    if (instant >= end) break;
    if (++count < MAX_PER_STEP) continue;
    yield { count, to: instant };
    count = 0;
  }
  yield { count, to: end - 1 };
}

/** The rest of an instant's local day, up to the next clock change. */
function restOfDay(timeZone: string, start: number) {
  const segment = zoneSegmentAt(timeZone, start);
  const localStart = start + segment.offset;
  const nextDay = Math.floor(localStart / DAY_MS) * DAY_MS + DAY_MS - segment.offset;
  return { segmentStart: segment.start, localStart, next: Math.min(nextDay, segment.end) };
}

/** Returns a function that names the kind of a whole local day. Days of the same kind have the same number of occurrences. */
function kindsOfDays(schedule: CompiledSchedule) {
  const { exclude, intervals, instants, skipped = [] } = schedule;
  const single = [...instants, ...skipped];
  const matchers = [
    ...matchersOf(schedule).map(({ matcher }) => matcher),
    ...matchersByTimeOfDay(exclude, (calendar) => calendar).map(({ matcher }) => matcher),
  ];
  return (start: number, localStart: number): string | undefined => {
    if (single.some((instant) => instant >= start && instant < start + DAY_MS)) return undefined;
    const day = localStart / DAY_MS;
    const matching = matchers.map((matcher) => (matchesDay(matcher, day) ? '1' : '0'));
    return [matching.join(''), ...intervals.map(({ everyMs }) => start % everyMs)].join(' ');
  };
}
