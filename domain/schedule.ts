import cronstrue from 'cronstrue';
import { z } from 'zod';
import { durationMs, durationSchema, parseDuration } from './duration.ts';
import type { FieldError } from './errors.ts';
import { Instant, toInstant, wholeSecondFrom } from './instant.ts';
import { toRanges, type Calendar } from './calendar.ts';
import { compileCron } from './cron/compile-cron.ts';
import { CronError, parseCron } from './cron/parse-cron.ts';
import { occurrences, type CompiledSchedule } from './occurrences.ts';
import { isTimeZone } from './time-zone.ts';

const DAY_MS = 86_400_000;
const MAX_EXPRESSIONS = 50;

const CronText = z
  .string()
  .superRefine((expression, context) => {
    try {
      parseCron(expression);
    } catch (error) {
      if (!(error instanceof CronError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  })
  .meta({
    description: 'A cron expression of five fields, or a macro such as @daily.',
    example: '0 9 * * MON',
  });

const TimeZone = z
  .string()
  .refine(isTimeZone, {
    error: (issue) =>
      `${JSON.stringify(String(issue.input).slice(0, 64))} is not a known time zone; write an IANA name such as "Europe/Berlin"`,
  })
  .meta({ description: 'IANA time zone.', example: 'Europe/Berlin' });

const bounds = {
  startAt: Instant.optional().meta({
    description: 'No occurrence before this instant.',
    example: '2027-01-01T00:00:00Z',
  }),
  endAt: Instant.optional().meta({
    description: 'No occurrence after this instant.',
    example: '2027-12-31T23:59:59Z',
  }),
};

const CronSchedule = z
  .strictObject({
    cron: z.union([CronText, z.array(CronText).min(1).max(MAX_EXPRESSIONS)]),
    timeZone: TimeZone.default('UTC'),
    ...bounds,
  })
  .meta({
    id: 'CronSchedule',
    description: 'Fires whenever one of the cron expressions matches the clock of the time zone.',
  });

const EverySchedule = z
  .strictObject({
    every: durationSchema({ minMs: 1_000, maxMs: 366 * DAY_MS, wholeSeconds: true }).meta({ example: '15m' }),
    offset: durationSchema({ minMs: 0, maxMs: 366 * DAY_MS, wholeSeconds: true })
      .default('0s')
      .meta({ example: '0s' }),
    ...bounds,
  })
  .meta({
    id: 'EverySchedule',
    description: 'Fires at every multiple of the interval since 1970-01-01T00:00:00Z, shifted by the offset.',
  });

const AtSchedule = z
  .strictObject({
    at: z
      .union([Instant, z.array(Instant).min(1).max(MAX_EXPRESSIONS)])
      .meta({ example: '2030-12-24T18:00:00+01:00' }),
    ...bounds,
  })
  .meta({
    id: 'AtSchedule',
    description: 'Fires once at each instant; a fraction of a second is rounded up.',
  });

/** When a job fires: by the clock (`cron`), at a fixed distance (`every`), or at given instants (`at`). */
export const Schedule = z
  .union([CronSchedule, EverySchedule, AtSchedule])
  .superRefine((schedule, context) => {
    const { startAt, endAt } = schedule;
    if (startAt !== undefined && endAt !== undefined && Date.parse(startAt) >= Date.parse(endAt)) {
      context.addIssue({
        code: 'custom',
        path: ['endAt'],
        message: `endAt ${endAt} must lie after startAt ${startAt}`,
      });
    }
    const [offsetMs, everyMs] =
      'every' in schedule ? [schedule.offset, schedule.every].map(parseDuration) : [];
    // A duration that is none has been named already.
    if (offsetMs !== undefined && everyMs !== undefined && 'every' in schedule && offsetMs >= everyMs) {
      context.addIssue({
        code: 'custom',
        path: ['offset'],
        message: `the offset ${schedule.offset} must be shorter than the interval ${schedule.every}`,
      });
    }
  })
  .meta({ id: 'Schedule', description: 'Exactly one of cron, every and at.' });
export type Schedule = z.infer<typeof Schedule>;

const summary = z
  .string()
  .meta({ description: 'The schedule in plain words.', example: 'At 09:00, only on Monday, Europe/Berlin' });

/** A schedule as the API answers it: with its summary. */
export const ScheduleAnswer = z
  .union([
    CronSchedule.extend({ summary }).meta({ id: 'CronScheduleAnswer' }),
    EverySchedule.extend({ summary }).meta({ id: 'EveryScheduleAnswer' }),
    AtSchedule.extend({ summary }).meta({ id: 'AtScheduleAnswer' }),
  ])
  .meta({ id: 'ScheduleAnswer' });

const asList = (value: string | string[]) => (Array.isArray(value) ? value : [value]);

/** Compiles an accepted schedule to the calendars and intervals that a Temporal Schedule is made of. */
export function compileSchedule(schedule: Schedule): CompiledSchedule {
  const { startAt, endAt } = schedule;
  const limits = {
    ...(startAt === undefined ? {} : { startAt: Date.parse(startAt) }),
    ...(endAt === undefined ? {} : { endAt: Date.parse(endAt) }),
  };
  if ('cron' in schedule) {
    const calendars = asList(schedule.cron).flatMap((expression) => compileCron(parseCron(expression)));
    return { calendars, intervals: [], timeZone: schedule.timeZone, ...limits };
  }
  if ('every' in schedule) {
    const interval = { everyMs: durationMs(schedule.every), offsetMs: durationMs(schedule.offset) };
    return { calendars: [], intervals: [interval], timeZone: 'UTC', ...limits };
  }
  return { calendars: asList(schedule.at).map(calendarOfInstant), intervals: [], timeZone: 'UTC', ...limits };
}

function calendarOfInstant(instant: string): Calendar {
  const date = new Date(wholeSecondFrom(instant));
  return {
    second: toRanges([date.getUTCSeconds()]),
    minute: toRanges([date.getUTCMinutes()]),
    hour: toRanges([date.getUTCHours()]),
    dayOfMonth: toRanges([date.getUTCDate()]),
    month: toRanges([date.getUTCMonth() + 1]),
    dayOfWeek: [{ start: 0, end: 6, step: 1 }],
    year: toRanges([date.getUTCFullYear()]),
  };
}

/** What keeps a new schedule from ever firing after `now` (milliseconds since the epoch): nothing, if the list is empty. */
export function findNeverFiring(schedule: Schedule, now: number): FieldError[] {
  if ('at' in schedule) {
    const past = asList(schedule.at).flatMap((instant, index) => {
      if (wholeSecondFrom(instant) > now) return [];
      const path = Array.isArray(schedule.at) ? `schedule.at[${index}]` : 'schedule.at';
      return [
        { path, code: 'in_the_past', message: `${instant} is in the past; it is now ${toInstant(now)}` },
      ];
    });
    if (past.length > 0) return past;
  }
  if ('cron' in schedule && Array.isArray(schedule.cron)) {
    const { timeZone } = schedule;
    const never = schedule.cron.flatMap((expression, index) =>
      occurrences(compileSchedule({ cron: expression, timeZone }), now, 1).length > 0
        ? []
        : [neverFires(`schedule.cron[${index}]`, JSON.stringify(expression))],
    );
    if (never.length > 0) return never;
  }
  const compiled = compileSchedule(schedule);
  if (occurrences(compiled, now, 1).length > 0) return [];
  const { endAt, ...unbounded } = compiled;
  if (endAt !== undefined && occurrences(unbounded, now, 1).length > 0) {
    return [
      {
        path: 'schedule.endAt',
        code: 'never_fires',
        message: `no occurrence lies between now and ${toInstant(endAt)}`,
      },
    ];
  }
  if ('cron' in schedule) return [neverFires('schedule.cron', JSON.stringify(schedule.cron))];
  return [neverFires('schedule', 'the schedule')];
}

const neverFires = (path: string, what: string): FieldError => ({
  path,
  code: 'never_fires',
  message: `${what} never fires: no date from now to the end of 2100 matches`,
});

/** The schedule in plain words, such as "At 09:00, only on Monday, Europe/Berlin". */
export function summarize(schedule: Schedule): string {
  if ('cron' in schedule) {
    return `${asList(schedule.cron).map(cronInWords).join('; ')}, ${schedule.timeZone}`;
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

function cronInWords(expression: string): string {
  try {
    return cronstrue.toString(expression, { use24HourTimeFormat: true });
  } catch {
    // A few forms that are right here, such as ranges that wrap, have no words there.
    return `cron ${expression}`;
  }
}
