import { offDayCalendars } from '../business-calendar/off-days.ts';
import type { BusinessDays } from './business-days.ts';
import type { StoredWorkingDays } from './business-days-schema.ts';
import type { Calendar } from './calendar.ts';
import { toCalendar, type CalendarInput } from './calendar-schema.ts';
import { resolveZone } from './canonical-zone.ts';
import { compileCron } from './cron/compile-cron.ts';
import { parseCron } from './cron/parse-cron.ts';
import { durationMs } from '../duration.ts';
import { compileExclusion } from './exclusion.ts';
import { ceilToSecond, isLocalTime } from '../instant.ts';
import { parseLocalTime, resolveLocalTime, type ClockChangeRules } from './local-time.ts';
import type { AtSchedule, EverySchedule, Schedule, StoredSchedule } from './schedule.ts';

/** An interval between occurrences: they lie at every multiple of `everyMs` since the epoch, plus `offsetMs`. */
export interface Interval {
  everyMs: number;
  offsetMs: number;
}

/** A calendar of a schedule, with its rules for clock changes. */
export interface CalendarEntry extends ClockChangeRules {
  calendar: Calendar;
  /** Of the days that match, only these working days of their month: 1 is the first, -1 the last. */
  businessDay?: number[];
}

/**
 * A schedule in the form that occurrences are searched in: calendars in one time zone, intervals and instants. It fires
 * when any of them matches, unless `exclude` does. Serializable.
 */
export interface CompiledSchedule {
  calendars: CalendarEntry[];
  intervals: Interval[];
  /** Milliseconds since the epoch, whole seconds. */
  instants: number[];
  /** Local times at which the schedule does not fire. */
  exclude: Calendar[];
  /** By which days of the calendars are moved, or chosen. Days off are in `exclude`, too. */
  businessDays?: BusinessDays;
  /** Occurrences that are left out, in milliseconds since the epoch. */
  skipped?: number[];
  timeZone: string;
  /** Milliseconds since the epoch, a whole second, inclusive. */
  startAt?: number;
  /** Milliseconds since the epoch, a whole second, inclusive. */
  endAt?: number;
}

// The defaults are those of Debian's cron (cron(8)): a job at a fixed time runs once through a clock change, and a job
// with wildcards follows the clock.
const FIXED_TIMES: ClockChangeRules = { gap: 'shift', repeat: 'first' };
const REAL_CLOCK: ClockChangeRules = { gap: 'skip', repeat: 'both' };

/** The entries of a field that takes a single value or a list. */
export const toArray = <Entry>(value: Entry | Entry[]): Entry[] => (Array.isArray(value) ? value : [value]);

/** Removes duplicates, so that each calendar is searched once. */
const distinct = <Entry>(entries: Entry[]): Entry[] =>
  entries.length < 2
    ? entries
    : [...new Map(entries.map((entry) => [JSON.stringify(entry), entry])).values()];

/**
 * Compiles a schedule that its schema has accepted. If it names a calendar, it must be a stored one, with the working days. Pure.
 */
export function compileSchedule(schedule: Schedule): CompiledSchedule {
  const { startAt, endAt, exclude = [] } = schedule;
  const timeZone = resolveZone(schedule.timeZone);
  const businessDays = businessDaysOf(schedule);
  const { skips = [] } = schedule as StoredSchedule;
  const daysOff = businessDays ? offDayCalendars(businessDays.days) : [];
  const common = {
    timeZone,
    exclude: distinct([...exclude.flatMap(compileExclusion), ...daysOff]),
    ...(businessDays ? { businessDays } : {}),
    ...(skips.length === 0 ? {} : { skipped: skips.map(({ at }) => Date.parse(at)) }),
    ...(startAt === undefined ? {} : { startAt: ceilToSecond(startAt) }),
    ...(endAt === undefined ? {} : { endAt: Math.floor(Date.parse(endAt) / 1_000) * 1_000 }),
  };
  if ('cron' in schedule) {
    const { dst, dayMatch = 'cron' } = schedule;
    const calendars = [...new Set(toArray(schedule.cron))].flatMap((expression) => {
      const cron = parseCron(expression);
      const rules = clockChangeRules(cron.hour.star || cron.minute.star, dst);
      return compileCron(cron, dayMatch).map((calendar) => ({ calendar, ...rules }));
    });
    return { calendars: distinct(calendars), intervals: [], instants: [], ...common };
  }
  if ('calendar' in schedule) {
    const calendars = schedule.calendar.map((input) => ({
      calendar: toCalendar(input),
      ...(input.businessDay === undefined ? {} : { businessDay: toArray(input.businessDay) }),
      ...clockChangeRules(hasWildcard(input), schedule.dst),
    }));
    return { calendars: distinct(calendars), intervals: [], instants: [], ...common };
  }
  if ('every' in schedule) {
    const interval = { everyMs: durationMs(schedule.every), offsetMs: offsetOf(schedule) };
    return { calendars: [], intervals: [interval], instants: [], ...common };
  }
  return { calendars: [], intervals: [], instants: resolveInstants(schedule), ...common };
}

function businessDaysOf(schedule: Schedule): BusinessDays | undefined {
  if (!('businessDays' in schedule) || !schedule.businessDays) return undefined;
  const { calendar, otherwise } = schedule.businessDays;
  const { days } = schedule.businessDays as Partial<StoredWorkingDays>;
  if (!days) throw new Error(`the working days of the calendar ${calendar} are not known`);
  return { days, otherwise };
}

/**
 * The instants of an `at` schedule, in milliseconds since the epoch. Local times are resolved by its time zone and its
 * rules for clock changes.
 */
export function resolveInstants(schedule: AtSchedule, entries: string[] = toArray(schedule.at)): number[] {
  const zone = resolveZone(schedule.timeZone);
  const rules = clockChangeRules(false, schedule.dst);
  return entries.flatMap((entry) =>
    isLocalTime(entry) ? resolveLocalTime(zone, parseLocalTime(entry), rules) : [ceilToSecond(entry)],
  );
}

/** The offset of an interval in milliseconds: its multiples count from the epoch, or from `startAt`. */
function offsetOf({ anchor, startAt, every, offset }: EverySchedule): number {
  const from = anchor === 'startAt' && startAt !== undefined ? ceilToSecond(startAt) : 0;
  const everyMs = durationMs(every);
  return (((from + durationMs(offset)) % everyMs) + everyMs) % everyMs;
}

const hasWildcard = ({ hour, minute }: CalendarInput) => hour === '*' || minute === '*';

/** The rules for clock changes: those that a schedule names, else the defaults of Debian's cron. */
export function clockChangeRules(
  followsClock: boolean,
  dst:
    | { gap?: ClockChangeRules['gap'] | undefined; repeat?: ClockChangeRules['repeat'] | undefined }
    | undefined,
): ClockChangeRules {
  const defaults = followsClock ? REAL_CLOCK : FIXED_TIMES;
  return { gap: dst?.gap ?? defaults.gap, repeat: dst?.repeat ?? defaults.repeat };
}
