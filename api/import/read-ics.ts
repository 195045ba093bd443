import ICAL from 'ical.js';
import { canonicalZone } from '../../domain/schedule/canonical-zone.ts';
import { DAY_MS } from '../../domain/milliseconds.ts';
import { zoneSegmentAt } from '../../domain/schedule/time-zone.ts';
import { MAX_ENTRIES, type Holiday } from '../../domain/business-calendar/business-calendar.ts';
import { dateOf, dayOf } from '../../domain/business-calendar/working-days.ts';

/** What is read of an iCalendar file (RFC 5545). */
export interface IcsHolidays {
  holidays: Holiday[];
  /** Events that are not taken over, and why. */
  leftOut: { event: string; reason: string }[];
}

/** A file that cannot be read. Its message says what would be right. */
export class InvalidIcs extends Error {
  override name = 'InvalidIcs';
}

/** The period that is read, both ends included, and the time zone in which events with a time are dates. */
export interface IcsPeriod {
  from: string;
  through: string;
  timeZone: string;
}

/** The most characters of an event's name that are kept. */
const NAME_LENGTH = 200;
/** The most steps in which one event's repetitions are followed; daily for 40 years. */
const MAX_STEPS = 15_000;

/**
 * Reads the whole days off of an iCalendar file, with repeated events. Some rules without an occurrence, such as 30 February, are
 * searched without end: to be called where it can be broken off.
 * @throws InvalidIcs if it is no calendar, or has too many days
 */
export function readIcs(text: string, period: IcsPeriod): IcsHolidays {
  const calendar = parse(text);
  for (const zone of calendar.getAllSubcomponents('vtimezone')) ICAL.TimezoneService.register(zone);
  const events = calendar.getAllSubcomponents('vevent').map((component) => new ICAL.Event(component));
  const masters = new Map<string, ICAL.Event>();
  for (const event of events) if (!event.isRecurrenceException()) masters.set(event.uid, event);
  const read: IcsHolidays = { holidays: [], leftOut: [] };
  const seen = new Set<string>();
  for (const event of events) {
    if (event.isRecurrenceException() && masters.has(event.uid)) continue;
    const name = nameOf(event);
    try {
      for (const days of occurrencesOf(event, period)) {
        const holiday = toHoliday(days, name);
        const key = JSON.stringify(holiday);
        if (seen.has(key)) continue;
        seen.add(key);
        if (read.holidays.length === MAX_ENTRIES)
          throw new InvalidIcs(
            `it comes to more than ${MAX_ENTRIES} holidays; give a shorter period by from and through`,
          );
        read.holidays.push(holiday);
      }
    } catch (error) {
      if (!(error instanceof LeftOut)) throw error;
      read.leftOut.push({ event: name, reason: error.message });
    }
  }
  read.holidays.sort((a, b) => (startOf(a) < startOf(b) ? -1 : 1));
  return read;
}

/** Why an event is not taken over. */
class LeftOut extends Error {}

function parse(text: string): ICAL.Component {
  let jcal: unknown;
  try {
    jcal = ICAL.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvalidIcs(`is no iCalendar file: ${reason.slice(0, 200)}`);
  }
  const calendar = new ICAL.Component(jcal as ConstructorParameters<typeof ICAL.Component>[0]);
  if (calendar.name !== 'vcalendar')
    throw new InvalidIcs('is no iCalendar file: it must begin with BEGIN:VCALENDAR');
  return calendar;
}

const startOf = (holiday: Holiday) => ('date' in holiday ? holiday.date : holiday.from);

function nameOf(event: ICAL.Event): string {
  // Names are shown to operators: control characters and what is invisible go.
  const name = String(event.summary ?? '')
    .replace(/[^\P{C}]|[\u2028\u2029]/gu, ' ')
    .replace(/\s+/gu, ' ')
    .trim();
  return name.slice(0, NAME_LENGTH) || 'holiday';
}

/** What ical.js knows of one occurrence of a repeated event. Its own types name a type that they lack. */
interface OccurrenceDetails {
  startDate: ICAL.Time;
  endDate: ICAL.Time;
  item: ICAL.Event;
}

/** Days counted since 1970-01-01, the last one included. */
interface Days {
  first: number;
  last: number;
}

function* occurrencesOf(event: ICAL.Event, { from, through, timeZone }: IcsPeriod): Generator<Days, void> {
  const period = { first: dayOf(from), last: dayOf(through) };
  const within = function* (days: Days): Generator<Days, void> {
    const cut = { first: Math.max(days.first, period.first), last: Math.min(days.last, period.last) };
    if (cut.first <= cut.last) yield cut;
  };
  if (event.component.getFirstPropertyValue('status') === 'CANCELLED') throw new LeftOut('it is cancelled');
  if (!event.startDate) throw new LeftOut('it has no DTSTART');
  if (!event.isRecurring()) return yield* within(wholeDays(event.startDate, event.endDate, timeZone));
  const repeated = event.iterator();
  for (let step = 0; step < MAX_STEPS; step++) {
    const next = repeated.next() as unknown as ICAL.Time | null;
    if (!next) return;
    const { startDate, endDate, item } = event.getOccurrenceDetails(next) as unknown as OccurrenceDetails;
    const days = wholeDays(startDate, endDate, timeZone);
    if (dayOf(next.toString().slice(0, 10)) > period.last + 1) return;
    if (item.component.getFirstPropertyValue('status') !== 'CANCELLED') yield* within(days);
  }
  throw new LeftOut(`it repeats more than ${MAX_STEPS} times before ${through}`);
}

/** The whole days from a start to an end, which is excluded. */
function wholeDays(start: ICAL.Time, end: ICAL.Time, timeZone: string): Days {
  const [from, to] = [localOf(start, timeZone), localOf(end, timeZone)];
  const first = Math.ceil(from / DAY_MS);
  const last = Math.max(Math.floor(to / DAY_MS) - 1, start.isDate ? first : -Infinity);
  if (last < first || from % DAY_MS !== 0) throw new LeftOut('it is not a whole day');
  return { first, last };
}

/** Local milliseconds: as if the clock reading were in UTC. */
function localOf(time: ICAL.Time, timeZone: string): number {
  const read = Date.UTC(time.year, time.month - 1, time.day, time.hour, time.minute, time.second);
  const { zone } = time;
  if (time.isDate || zone === ICAL.Timezone.localTimezone) {
    const named = time.isDate ? undefined : (time as { timezone?: string }).timezone;
    // A date has no zone. A time in a zone that the file does not define is one of the tz database, or of nobody.
    if (named === undefined || named === 'floating' || canonicalZone(named) !== undefined) return read;
    throw new LeftOut(`nobody knows its time zone ${JSON.stringify(named.slice(0, 64))}`);
  }
  if (zone !== ICAL.Timezone.utcTimezone) return read;
  return read + zoneSegmentAt(timeZone, read).offset;
}

const toHoliday = ({ first, last }: Days, name: string): Holiday =>
  first === last ? { date: dateOf(first), name } : { from: dateOf(first), to: dateOf(last), name };
