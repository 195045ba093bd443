import cronstrue from 'cronstrue';
import { asList } from './compile-schedule.ts';
import { durationMs } from './duration.ts';
import { toInstant, wholeSecondFrom } from './instant.ts';
import type { Schedule } from './schedule.ts';

/** The schedule in plain words, such as "At 09:00, only on Monday, Europe/Berlin". */
export function summarize(schedule: Schedule): string {
  return `${inWords(schedule)}${limitsInWords(schedule)}`;
}

function inWords(schedule: Schedule): string {
  if ('cron' in schedule) return `${asList(schedule.cron).map(cronInWords).join('; ')}, ${schedule.timeZone}`;
  if ('calendar' in schedule) {
    const named = schedule.calendar.map((calendar) => calendar.comment ?? 'by calendar');
    return `${[...new Set(named)].join('; ')}, ${schedule.timeZone}`;
  }
  if ('every' in schedule) {
    const offset = durationMs(schedule.offset) === 0 ? '' : `, offset by ${schedule.offset}`;
    return `Every ${schedule.every}${offset}`;
  }
  const instants = asList(schedule.at).map((instant) => toInstant(wholeSecondFrom(instant)));
  return instants.length === 1
    ? `Once at ${instants[0]}`
    : `${instants.length} times, first at ${[...instants].sort()[0]}`;
}

function limitsInWords({ startAt, endAt, exclude }: Schedule): string {
  const from = startAt === undefined ? '' : `, from ${toInstant(Date.parse(startAt))}`;
  const until = endAt === undefined ? '' : `, until ${toInstant(Date.parse(endAt))}`;
  const count = exclude?.length ?? 0;
  return `${from}${until}${count === 0 ? '' : `, with ${count} ${count === 1 ? 'exclusion' : 'exclusions'}`}`;
}

function cronInWords(expression: string): string {
  try {
    return cronstrue.toString(expression, { use24HourTimeFormat: true });
  } catch {
    // A few forms that are right here, such as ranges that wrap, have no words there.
    return `cron ${expression}`;
  }
}
