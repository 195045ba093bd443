import type { FieldError } from '../errors.ts';
import { WEEKDAYS, type BusinessCalendarDefinition } from './business-calendar.ts';
import { dateOf, dayOf, weekdayOf, type WorkingDays } from './working-days.ts';

/** A calendar has at most this many days that differ from its days of the week: they are stored with each schedule. */
const MAX_DAYS = 1_000;
/** Each month with days off becomes an exclusion of the Temporal Schedules (scheduling/schedules/spec-size.ts). */
const MAX_MONTHS = 150;

/** A calendar with its name. */
export type NamedCalendar = BusinessCalendarDefinition & { name: string };

/** What became of the resolution of a calendar: its working days, or what is wrong with it. */
export type Resolution = { days: WorkingDays } | { errors: FieldError[] };

/**
 * Works out the working days of a calendar from its own days and those of the calendars that it includes, which `find` gives. Its own
 * days come first; a holiday of any included calendar comes before a working day of another. Pure.
 */
export function resolveCalendar(
  calendar: NamedCalendar,
  find: (name: string) => NamedCalendar | undefined,
): Resolution {
  const included = collect(calendar, find);
  if ('errors' in included) return included;
  const weekdays = calendar.weekdays.map((name) => WEEKDAYS.indexOf(name)).sort();
  const isOnWeekday = (day: number) => weekdays.includes(weekdayOf(day));
  const days = new Map<number, 'off' | 'on'>();
  for (const other of included.calendars)
    for (const { date } of other.workingDays) days.set(dayOf(date), 'on');
  for (const other of included.calendars) for (const day of holidaysOf(other)) days.set(day, 'off');
  for (const day of holidaysOf(calendar)) days.set(day, 'off');
  for (const { date } of calendar.workingDays) days.set(dayOf(date), 'on');
  const listed = (kind: 'off' | 'on') =>
    [...days]
      .filter(([day, is]) => is === kind && isOnWeekday(day) === (kind === 'off'))
      .map(([day]) => dateOf(day))
      .sort();
  const resolved = { weekdays, off: listed('off'), on: listed('on') };
  const errors = findFaults(resolved);
  return errors.length > 0 ? { errors } : { days: resolved };
}

/** The names of all calendars that a calendar includes, itself not among them; also by others. Pure. */
export function includedBy(
  calendar: NamedCalendar,
  find: (name: string) => NamedCalendar | undefined,
): string[] {
  const included = collect(calendar, find);
  return 'errors' in included ? [] : included.calendars.map(({ name }) => name);
}

/** All included calendars, each once. */
function collect(
  calendar: NamedCalendar,
  find: (name: string) => NamedCalendar | undefined,
): { calendars: NamedCalendar[] } | { errors: FieldError[] } {
  const found = new Map<string, NamedCalendar>();
  const errors: FieldError[] = [];
  const visit = (from: NamedCalendar, path: string[]) => {
    for (const [index, name] of from.include.entries()) {
      const at = path.length === 1 ? `include[${index}]` : 'include';
      if (path.includes(name)) {
        const message = `includes itself: ${[...path.slice(path.indexOf(name)), name].join(' → ')}`;
        errors.push({ path: at, code: 'includes_itself', message });
        continue;
      }
      if (found.has(name)) continue;
      const other = find(name);
      if (!other) {
        errors.push({
          path: at,
          code: 'unknown_calendar',
          message: `there is no calendar ${JSON.stringify(name)}`,
        });
        continue;
      }
      found.set(name, other);
      visit(other, [...path, name]);
    }
  };
  visit(calendar, [calendar.name]);
  return errors.length > 0 ? { errors } : { calendars: [...found.values()] };
}

function* holidaysOf({ holidays }: NamedCalendar): Generator<number> {
  for (const holiday of holidays) {
    const [from, to] = 'date' in holiday ? [holiday.date, holiday.date] : [holiday.from, holiday.to];
    for (let day = dayOf(from); day <= dayOf(to); day++) yield day;
  }
}

function findFaults({ weekdays, off, on }: WorkingDays): FieldError[] {
  if (weekdays.length === 0 && on.length === 0)
    return [{ path: 'weekdays', code: 'no_working_day', message: 'no day is a working day' }];
  const count = off.length + on.length;
  if (count > MAX_DAYS) {
    const message = `comes to ${count} days that differ from the days of the week, with included calendars; ${MAX_DAYS} are taken: leave out past years`;
    return [{ path: 'holidays', code: 'too_many_days', message }];
  }
  const months = new Set([...off, ...on].map((date) => date.slice(0, 7))).size;
  if (months <= MAX_MONTHS) return [];
  const message = `spreads over ${months} months, with included calendars; ${MAX_MONTHS} are taken: leave out past years`;
  return [{ path: 'holidays', code: 'too_many_months', message }];
}
