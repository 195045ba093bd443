import { toCalendar, type CalendarInput } from './calendar-schema.ts';
import type { ClockChangeRules, Recurrence } from './recurrence.ts';
import { compileCron } from './cron/compile-cron.ts';
import { parseCron } from './cron/parse-cron.ts';
import { durationMs } from '../duration.ts';
import { compileExclusion } from './exclusion.ts';
import { isLocalTime, wholeSecondFrom } from '../instant.ts';
import { instantsOfLocal, localSecondFrom } from './local-time.ts';
import type { AtSchedule, EverySchedule, Schedule } from './schedule.ts';
import { zoneMeant } from './zone-name.ts';

/** Debian's cron (cron(8)): jobs at fixed times are kept through a clock change, those by wildcards follow the clock. */
const FIXED_TIMES: ClockChangeRules = { gap: 'shift', repeat: 'first' };
const REAL_CLOCK: ClockChangeRules = { gap: 'skip', repeat: 'both' };

/** The entries of a field that takes one or several. */
export const asList = <Entry>(value: Entry | Entry[]): Entry[] => (Array.isArray(value) ? value : [value]);

/** What several entries say alike is looked for once. */
const distinct = <Entry>(entries: Entry[]): Entry[] =>
  entries.length < 2
    ? entries
    : [...new Map(entries.map((entry) => [JSON.stringify(entry), entry])).values()];

/** Compiles an accepted schedule to what it means. */
export function compileSchedule(schedule: Schedule): Recurrence {
  const { startAt, endAt, exclude = [] } = schedule;
  const timeZone = zoneMeant(schedule.timeZone);
  const common = {
    timeZone,
    exclude: distinct(exclude.flatMap(compileExclusion)),
    ...(startAt === undefined ? {} : { startAt: wholeSecondFrom(startAt) }),
    ...(endAt === undefined ? {} : { endAt: Math.floor(Date.parse(endAt) / 1_000) * 1_000 }),
  };
  if ('cron' in schedule) {
    const { dst, dayMatch = 'cron' } = schedule;
    const calendars = [...new Set(asList(schedule.cron))].flatMap((expression) => {
      const cron = parseCron(expression);
      const rules = rulesOf(cron.hour.star || cron.minute.star, dst);
      return compileCron(cron, dayMatch).map((calendar) => ({ calendar, ...rules }));
    });
    return { calendars: distinct(calendars), intervals: [], instants: [], ...common };
  }
  if ('calendar' in schedule) {
    const calendars = schedule.calendar.map((input) => ({
      calendar: toCalendar(input),
      ...rulesOf(hasWildcard(input), schedule.dst),
    }));
    return { calendars: distinct(calendars), intervals: [], instants: [], ...common };
  }
  if ('every' in schedule) {
    const interval = { everyMs: durationMs(schedule.every), offsetMs: offsetOf(schedule) };
    return { calendars: [], intervals: [interval], instants: [], ...common };
  }
  return { calendars: [], intervals: [], instants: instantsOf(schedule), ...common };
}

/** The instants of an `at` schedule: local times are resolved by its zone and its rules for clock changes. */
export function instantsOf(schedule: AtSchedule, entries: string[] = asList(schedule.at)): number[] {
  const zone = zoneMeant(schedule.timeZone);
  const rules = rulesOf(false, schedule.dst);
  return entries.flatMap((entry) =>
    isLocalTime(entry) ? instantsOfLocal(zone, localSecondFrom(entry), rules) : [wholeSecondFrom(entry)],
  );
}

/** Where the multiples of an interval are counted from: the epoch, or the schedule's own beginning. */
function offsetOf({ anchor, startAt, every, offset }: EverySchedule): number {
  const from = anchor === 'startAt' && startAt !== undefined ? wholeSecondFrom(startAt) : 0;
  const everyMs = durationMs(every);
  return (((from + durationMs(offset)) % everyMs) + everyMs) % everyMs;
}

const hasWildcard = ({ hour, minute }: CalendarInput) => hour === '*' || minute === '*';

/** The rules for clock changes: those that a schedule names, else Debian’s, by whether it follows the clock. */
export function rulesOf(
  followsClock: boolean,
  dst:
    | { gap?: ClockChangeRules['gap'] | undefined; repeat?: ClockChangeRules['repeat'] | undefined }
    | undefined,
): ClockChangeRules {
  const defaults = followsClock ? REAL_CLOCK : FIXED_TIMES;
  return { gap: dst?.gap ?? defaults.gap, repeat: dst?.repeat ?? defaults.repeat };
}
