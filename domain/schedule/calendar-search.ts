import type { DaysOfMonth } from '../business-calendar/working-days.ts';
import { moveDays, nthWorkingDays, type MoveDays } from './business-days.ts';
import { toValues, type Calendar, type Range } from './calendar.ts';
import type { CompiledSchedule } from './compile-schedule.ts';
import {
  daysOnWeekdays,
  END_OF_DAYS,
  FIRST_DAY,
  FIRST_DAYS,
  MONTH_COUNT,
  monthOf,
  yearOf,
} from './day-table.ts';
import { DAY_MS, HOUR_MS, SECOND_MS } from '../milliseconds.ts';

/** Days by their month, day of month, weekday and year, each field as a set of bits. */
interface DaySet {
  months: number;
  daysOfMonth: number;
  daysOfWeek: number;
  /** Undefined: every year. */
  years: Set<number> | undefined;
  /** Further limits the days of each month; undefined: not at all. */
  within: DaysOfMonth | undefined;
}

/** For each value, the first value of a set that is not below it, or -1. It has one entry more than there are values. */
type NextValues = Int8Array;

/**
 * Calendars with the same times of day, compiled into bit sets so that they are searched as one. A search costs a few
 * operations per month, also for schedules of hundreds of calendars that fire every second or hardly ever.
 */
export interface Matcher {
  seconds: NextValues;
  minutes: NextValues;
  hours: NextValues;
  days: DaySet[];
  /** Moves the days that the sets name; undefined: they stay. */
  move: MoveDays | undefined;
  /** A cache: the matching days of each month as bits, or `NOT_COMPUTED`. */
  daysByMonth: Int32Array;
}

const NOT_COMPUTED = -1;

/** Compiles a calendar for searching. */
export const compileMatcher = (calendar: Calendar): Matcher => compileTogether(calendar, [{ calendar }]);

/** What limits or moves the days of entries, besides their calendars. */
interface DayRules<Entry> {
  withinOf: (entry: Entry) => DaysOfMonth | undefined;
  move: MoveDays | undefined;
}

/**
 * Groups entries that fire at the same times of day, and compiles one matcher for each group. Entries are in one group
 * only if `extraKey` gives the same text for them. `first` is the first entry of its group.
 */
export function matchersByTimeOfDay<Entry>(
  entries: readonly Entry[],
  calendarOf: (entry: Entry) => Calendar,
  extraKey: (entry: Entry) => string = () => '',
  { withinOf, move }: DayRules<Entry> = { withinOf: () => undefined, move: undefined },
): { matcher: Matcher; first: Entry; entries: Entry[] }[] {
  const groups = new Map<string, [Entry, ...Entry[]]>();
  for (const entry of entries) {
    const calendar = calendarOf(entry);
    const key = JSON.stringify([calendar.second, calendar.minute, calendar.hour, extraKey(entry)]);
    const group = groups.get(key);
    if (group) group.push(entry);
    else groups.set(key, [entry]);
  }
  return [...groups.values()].map((entries) => ({
    matcher: compileTogether(
      calendarOf(entries[0]),
      entries.map((entry) => ({ calendar: calendarOf(entry), within: withinOf(entry) })),
      move,
    ),
    first: entries[0],
    entries,
  }));
}

/**
 * Groups the calendars of a schedule by their times of day and their rules for clock changes. Without `isMoved`, days are those
 * that the schedule names, before any is moved to a working day.
 */
export const matchersOf = (
  { calendars, businessDays }: Pick<CompiledSchedule, 'calendars' | 'businessDays'>,
  { isMoved }: { isMoved: boolean } = { isMoved: true },
) =>
  matchersByTimeOfDay(
    calendars,
    ({ calendar }) => calendar,
    ({ gap, repeat }) => `${gap} ${repeat}`,
    {
      withinOf: ({ businessDay }) =>
        businessDay && businessDays ? nthWorkingDays(businessDays.days, businessDay) : undefined,
      move: isMoved && businessDays ? moveDays(businessDays) : undefined,
    },
  );

function compileTogether(
  { second, minute, hour }: Calendar,
  calendars: { calendar: Calendar; within?: DaysOfMonth | undefined }[],
  move?: MoveDays,
): Matcher {
  return {
    seconds: toNextValues(second, 60),
    minutes: toNextValues(minute, 60),
    hours: toNextValues(hour, 24),
    days: calendars.map(({ calendar: { month, dayOfMonth, dayOfWeek, year }, within }) => ({
      months: toBits(month, 1),
      daysOfMonth: toBits(dayOfMonth, 1),
      daysOfWeek: toBits(dayOfWeek, 0),
      years: year && new Set(toValues(year)),
      within,
    })),
    move,
    daysByMonth: new Int32Array(MONTH_COUNT).fill(NOT_COMPUTED),
  };
}

function toBits(ranges: Range[], min: number): number {
  let bits = 0;
  for (const { start, end, step } of ranges)
    for (let value = start; value <= end; value += step) bits |= 1 << (value - min);
  return bits;
}

function toNextValues(ranges: Range[], count: number): NextValues {
  const next = new Int8Array(count + 1).fill(-1);
  for (const { start, end, step } of ranges)
    for (let value = start; value <= end; value += step) next[value] = value;
  for (let value = count - 1; value >= 0; value--)
    if (next[value] === -1) next[value] = next[value + 1] as number;
  return next;
}

const sizeOf = (next: NextValues) => next.reduce((sum, value, index) => sum + (value === index ? 1 : 0), 0);

/** How many seconds of a matching day match. */
export const timesADay = ({ hours, minutes, seconds }: Matcher): number =>
  sizeOf(hours) * sizeOf(minutes) * sizeOf(seconds);

/** How many local times match in [from, to), which must begin and end on whole hours. */
export function countLocal(matcher: Matcher, from: number, to: number): number {
  let hours = 0;
  for (let local = from; local < to; local += HOUR_MS) {
    const day = Math.floor(local / DAY_MS);
    const hour = (local - day * DAY_MS) / HOUR_MS;
    if (matcher.hours[hour] === hour && matchesDay(matcher, day)) hours++;
  }
  return hours * sizeOf(matcher.minutes) * sizeOf(matcher.seconds);
}

/** The days of a month that match, as bits. */
export function daysIn(matcher: Matcher, month: number): number {
  const known = matcher.daysByMonth[month] as number;
  if (known !== NOT_COMPUTED) return known;
  const { days: sets, move } = matcher;
  const days = move ? move(month, (other) => namedDays(sets, other)) : namedDays(sets, month);
  matcher.daysByMonth[month] = days;
  return days;
}

function namedDays(sets: DaySet[], month: number): number {
  const [year, monthBit] = [yearOf(month), 1 << (month % 12)];
  let days = 0;
  for (const { months, daysOfMonth, daysOfWeek, years, within } of sets) {
    if ((months & monthBit) === 0 || (years && !years.has(year))) continue;
    const named = daysOfMonth & daysOnWeekdays(month, daysOfWeek);
    days |= within ? named & within(month) : named;
  }
  return days;
}

/** The first matching day that is not before `from`, counted since 1970-01-01; undefined if there is none until 2100. */
export function nextDay(matcher: Matcher, from: number): number | undefined {
  if (from >= END_OF_DAYS) return undefined;
  const day = Math.max(from, FIRST_DAY);
  let month = monthOf(day);
  let days = daysIn(matcher, month) & (-1 << (day - (FIRST_DAYS[month] as number)));
  while (days === 0) {
    if (++month === MONTH_COUNT) return undefined;
    days = daysIn(matcher, month);
  }
  // The index of the lowest bit.
  return (FIRST_DAYS[month] as number) + 31 - Math.clz32(days & -days);
}

/** Whether a day matches, counted since 1970-01-01. */
export function matchesDay(matcher: Matcher, day: number): boolean {
  if (day < FIRST_DAY || day >= END_OF_DAYS) return false;
  const month = monthOf(day);
  return (daysIn(matcher, month) & (1 << (day - (FIRST_DAYS[month] as number)))) !== 0;
}

/** The first matching local time in [from, end). Local times are the UTC milliseconds of the same clock reading. */
export function nextLocal(matcher: Matcher, from: number, end: number): number | undefined {
  if (from >= end) return undefined;
  const today = Math.floor(from / DAY_MS);
  let day = nextDay(matcher, today);
  let time = 0;
  if (day === today) {
    time = nextTimeOfDay(matcher, Math.ceil((from - today * DAY_MS) / SECOND_MS));
    if (time < 0) day = nextDay(matcher, today + 1);
  }
  if (day === undefined) return undefined;
  if (day !== today) time = nextTimeOfDay(matcher, 0);
  const found = day * DAY_MS + time * SECOND_MS;
  return found < end ? found : undefined;
}

/** Whether a second of the day (0–86,399) matches. */
export function matchesTimeOfDay({ hours, minutes, seconds }: Matcher, time: number): boolean {
  const [hour, minute, second] = partsOf(time);
  return seconds[second] === second && minutes[minute] === minute && hours[hour] === hour;
}

const partsOf = (time: number): [hour: number, minute: number, second: number] => [
  Math.floor(time / 3_600),
  Math.floor((time % 3_600) / 60),
  time % 60,
];

/** The first matching second of the day (0–86,399) that is not before `from`; -1 if there is none. */
function nextTimeOfDay({ hours, minutes, seconds }: Matcher, from: number): number {
  const [hour, minute, second] = partsOf(from);
  if (hours[hour] === hour) {
    if (minutes[minute] === minute && seconds[second] !== -1)
      return hour * 3_600 + minute * 60 + (seconds[second] as number);
    const nextMinute = minutes[minute + 1] as number;
    if (nextMinute !== -1) return hour * 3_600 + nextMinute * 60 + (seconds[0] as number);
  }
  const nextHour = hour >= 23 ? -1 : (hours[hour + 1] as number);
  return nextHour === -1 ? -1 : nextHour * 3_600 + (minutes[0] as number) * 60 + (seconds[0] as number);
}
