import cronstrue from 'cronstrue';
import { toCalendar, type CalendarInput } from './calendar-schema.ts';
import type { Range } from './calendar.ts';
import { resolveInstants, toArray } from './compile-schedule.ts';
import { bothDaysMustMatch, type DayMatch } from './cron/compile-cron.ts';
import { parseCron } from './cron/parse-cron.ts';
import { durationMs } from '../duration.ts';
import { toInstant } from '../instant.ts';
import type { Schedule } from './schedule.ts';

/** Nobody reads more expressions than these in one sentence. */
const MAX_IN_WORDS = 10;

/** The schedule in plain words, such as "At 09:00, only on Monday, Europe/Berlin". */
export function summarizeSchedule(schedule: Schedule): string {
  return `${inWords(schedule)}${limitsInWords(schedule)}`;
}

function inWords(schedule: Schedule): string {
  if ('cron' in schedule) {
    const named = toArray(schedule.cron)
      .slice(0, MAX_IN_WORDS)
      .map((expression) => cronInWords(expression, schedule.dayMatch));
    return `${named.join('; ')}${andMore(toArray(schedule.cron))}, ${schedule.timeZone}`;
  }
  if ('calendar' in schedule) {
    const named = schedule.calendar
      .slice(0, MAX_IN_WORDS)
      .map((calendar) => calendar.comment?.trim() || calendarInWords(calendar));
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

const andMore = ({ length }: unknown[]) =>
  length > MAX_IN_WORDS ? `; and ${length - MAX_IN_WORDS} more` : '';

function limitsInWords({ startAt, endAt, exclude }: Schedule): string {
  const from = startAt === undefined ? '' : `, from ${toInstant(Date.parse(startAt))}`;
  const until = endAt === undefined ? '' : `, until ${toInstant(Date.parse(endAt))}`;
  const count = exclude?.length ?? 0;
  return `${from}${until}${count === 0 ? '' : `, with ${count} ${count === 1 ? 'exclusion' : 'exclusions'}`}`;
}

function cronInWords(expression: string, dayMatch: DayMatch = 'cron'): string {
  try {
    return cronstrue.toString(expression, {
      use24HourTimeFormat: true,
      logicalAndDayFields: bothDaysMustMatch(parseCron(expression), dayMatch),
    });
  } catch {
    // A few forms that are right here, such as ranges that wrap, have no words there.
    return `cron ${expression}${dayMatch === 'cron' ? '' : `, days by "${dayMatch}"`}`;
  }
}

/** A calendar in words: those of the cron, with years, that it is. */
function calendarInWords(input: CalendarInput): string {
  const { second, minute, hour, dayOfMonth, month, dayOfWeek, year } = toCalendar(input);
  const fields = [
    inCron(second, 60),
    inCron(minute, 60),
    inCron(hour, 24),
    inCron(dayOfMonth, 31),
    inCron(month, 12),
    inCron(dayOfWeek, 7),
  ];
  const years = year ? [inCron(year, Infinity)] : [];
  return cronstrue.toString([...fields, ...years].join(' '), {
    use24HourTimeFormat: true,
    logicalAndDayFields: true,
  });
}

/** The ranges of a field as cron writes them; "*" where they hold all of its values. */
function inCron(ranges: Range[], count: number): string {
  const [first] = ranges;
  if (first && first.step === 1 && first.end - first.start + 1 === count) return '*';
  return ranges
    .map(({ start, end, step }) => (start === end ? start : `${start}-${end}${step === 1 ? '' : `/${step}`}`))
    .join(',');
}
