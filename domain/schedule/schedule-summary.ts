import cronstrue from 'cronstrue';
import { toCalendar, type CalendarInput } from './calendar-schema.ts';
import type { Range } from './calendar.ts';
import { resolveInstants, toArray } from './compile-schedule.ts';
import { bothDaysMustMatch, type DayMatch } from './cron/compile-cron.ts';
import { parseCron } from './cron/parse-cron.ts';
import { durationMs } from '../duration.ts';
import { toInstant } from '../instant.ts';
import type { Schedule } from './schedule.ts';

/** The most expressions that a summary spells out. */
const MAX_LISTED = 10;

/** Describes a schedule in English, such as "At 09:00, only on Monday, Europe/Berlin". Pure. */
export function summarizeSchedule(schedule: Schedule): string {
  return `${describeTimes(schedule)}${describeBusinessDays(schedule)}${describeBounds(schedule)}`;
}

function describeTimes(schedule: Schedule): string {
  if ('cron' in schedule) {
    const named = toArray(schedule.cron)
      .slice(0, MAX_LISTED)
      .map((expression) => describeCron(expression, schedule.dayMatch));
    return `${named.join('; ')}${andMore(toArray(schedule.cron))}, ${schedule.timeZone}`;
  }
  if ('calendar' in schedule) {
    const named = schedule.calendar
      .slice(0, MAX_LISTED)
      .map((calendar) => calendar.comment?.trim() || describeCalendar(calendar));
    return `${[...new Set(named)].join('; ')}${andMore(schedule.calendar)}, ${schedule.timeZone}`;
  }
  if ('every' in schedule) {
    const offset = durationMs(schedule.offset) === 0 ? '' : `, offset by ${schedule.offset}`;
    return `Every ${schedule.every}${schedule.anchor === 'startAt' ? ', counted from startAt' : ''}${offset}`;
  }
  const instants = [...new Set(resolveInstants(schedule))].sort((a, b) => a - b).map(toInstant);
  return instants.length === 1
    ? `Once at ${instants[0]}`
    : `${instants.length} times, first at ${instants[0] ?? 'no instant'}`;
}

const andMore = ({ length }: unknown[]) => (length > MAX_LISTED ? `; and ${length - MAX_LISTED} more` : '');

const OTHERWISE = {
  skip: '',
  next: ', else on the next one',
  previous: ', else on the previous one',
};

function describeBusinessDays(schedule: Schedule): string {
  if (!('businessDays' in schedule) || !schedule.businessDays) return '';
  const { calendar, otherwise } = schedule.businessDays;
  return `, on working days of ${calendar}${OTHERWISE[otherwise]}`;
}

function describeBounds({ startAt, endAt, exclude }: Schedule): string {
  const from = startAt === undefined ? '' : `, from ${toInstant(Date.parse(startAt))}`;
  const until = endAt === undefined ? '' : `, until ${toInstant(Date.parse(endAt))}`;
  const count = exclude?.length ?? 0;
  return `${from}${until}${count === 0 ? '' : `, with ${count} ${count === 1 ? 'exclusion' : 'exclusions'}`}`;
}

function describeCron(expression: string, dayMatch: DayMatch = 'cron'): string {
  try {
    return cronstrue.toString(expression, {
      use24HourTimeFormat: true,
      logicalAndDayFields: bothDaysMustMatch(parseCron(expression), dayMatch),
    });
  } catch {
    // cronstrue does not know some valid forms, such as ranges that wrap.
    return `cron ${expression}${dayMatch === 'cron' ? '' : `, days by "${dayMatch}"`}`;
  }
}

/** Describes a calendar as the equivalent cron expression with years. */
function describeCalendar(input: CalendarInput): string {
  const { second, minute, hour, dayOfMonth, month, dayOfWeek, year } = toCalendar(input);
  const fields = [
    toCronField(second, 60),
    toCronField(minute, 60),
    toCronField(hour, 24),
    toCronField(dayOfMonth, 31),
    toCronField(month, 12),
    toCronField(dayOfWeek, 7),
  ];
  const years = year ? [toCronField(year, Infinity)] : [];
  const text = cronstrue.toString([...fields, ...years].join(' '), {
    use24HourTimeFormat: true,
    logicalAndDayFields: true,
  });
  if (input.businessDay === undefined) return text;
  return `${text}, only on working day ${toArray(input.businessDay).join(', ')} of the month`;
}

/** The ranges of a field in cron syntax; "*" if they hold all of its values. */
function toCronField(ranges: Range[], count: number): string {
  const [first] = ranges;
  if (first && first.step === 1 && first.end - first.start + 1 === count) return '*';
  return ranges
    .map(({ start, end, step }) => (start === end ? start : `${start}-${end}${step === 1 ? '' : `/${step}`}`))
    .join(',');
}
