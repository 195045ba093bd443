import { z } from 'zod';
import { BusinessDaysRule, BusinessDaysSkip, type StoredWorkingDays } from './business-days-schema.ts';
import { CalendarInput } from './calendar-schema.ts';
import { CronText } from './cron/cron-schema.ts';
import { durationSchema, parseDuration } from '../duration.ts';
import { Exclusion } from './exclusion.ts';
import { Instant, InstantOrLocalTime } from '../instant.ts';
import { canonicalZone, equivalentZone } from './canonical-zone.ts';
import { DAY_MS } from '../milliseconds.ts';
import { checkKind } from './schedule-kind.ts';
import { Warning } from './schedule-warning.ts';
import type { Skip } from './skip-schema.ts';

const MAX_ENTRIES = 50;

/** A time zone, by its name in the tz database. */
export const TimeZone = z
  .string()
  .refine((name) => canonicalZone(name) !== undefined, { error: ({ input }) => unknownZone(String(input)) })
  .overwrite((name) => canonicalZone(name) ?? name)
  .meta({
    description: 'A name of the tz database. Case is ignored: `europe/berlin` is stored as `Europe/Berlin`.',
    example: 'Europe/Berlin',
  });

function unknownZone(name: string): string {
  const suggestion = equivalentZone(name);
  const advice =
    suggestion === undefined
      ? 'write an IANA name such as "Europe/Berlin"'
      : `it is not a name of the tz database; write ${JSON.stringify(suggestion)}`;
  return `${JSON.stringify(name.slice(0, 64))} is not a known time zone; ${advice}`;
}

/** The fields that every kind of schedule has. */
const common = {
  timeZone: TimeZone.default('UTC'),
  startAt: Instant.optional().meta({
    description: 'No occurrence before this instant.',
    example: '2027-01-01T00:00:00Z',
  }),
  endAt: Instant.optional().meta({
    description: 'No occurrence after this instant.',
    example: '2099-12-31T23:59:59Z',
  }),
  maxRuns: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .optional()
    .meta({ description: 'The job is completed after this many scheduled runs.', example: 10 }),
  jitter: durationSchema({ minMs: 1_000, maxMs: DAY_MS, wholeSeconds: true }).optional().meta({
    description: 'Each start is delayed by a random time up to this, but never past the next occurrence.',
    example: '30s',
  }),
  exclude: z
    .array(Exclusion)
    .max(MAX_ENTRIES)
    .optional()
    .meta({ description: 'Local times of the time zone at which the schedule does not fire.' }),
};

const ClockChange = z
  .strictObject({
    gap: z.enum(['shift', 'skip']).optional().meta({
      description:
        'Whether a local time that the clock change skips fires at the first instant after the gap (shift) or not at all (skip).',
    }),
    repeat: z.enum(['first', 'both']).optional().meta({
      description: 'Whether a local time that occurs twice fires the first time only or both times.',
    }),
  })
  .meta({
    id: 'ClockChange',
    description:
      'What happens when the clocks change. The default is that of Debian’s cron: a fixed time uses shift and first; a schedule whose hour or minute begins with "*" uses skip and both.',
  });

const dst = ClockChange.optional();

const MAX_CRON_TEXT = 6_000;

const CronTexts = z
  .array(CronText)
  .min(1)
  .max(MAX_ENTRIES)
  .refine((crons) => crons.join('').length <= MAX_CRON_TEXT, {
    error: ({ input }) =>
      `the expressions have ${(input as string[]).join('').length} characters in total, more than ${MAX_CRON_TEXT}`,
  });

const CronSchedule = z
  .strictObject({
    cron: z.union([CronText, CronTexts]),
    dayMatch: z.enum(['and', 'or']).optional().meta({
      description:
        'How day of month and day of week are combined. By default, both must match if either begins with "*"; otherwise one of them is enough.',
    }),
    dst,
    businessDays: BusinessDaysRule.optional(),
    ...common,
  })
  .meta({
    id: 'CronSchedule',
    description: 'Fires whenever one of the cron expressions matches the clock of the time zone.',
  });

const CalendarSchedule = z
  .strictObject({
    calendar: z.array(CalendarInput).min(1).max(MAX_ENTRIES),
    dst,
    businessDays: BusinessDaysRule.optional(),
    ...common,
  })
  .meta({
    id: 'CalendarSchedule',
    description: 'Fires whenever one of the calendars matches the clock of the time zone.',
  });

const EverySchedule = z
  .strictObject({
    every: durationSchema({ minMs: 1_000, maxMs: 366 * DAY_MS, wholeSeconds: true }).meta({ example: '15m' }),
    offset: durationSchema({ minMs: 0, maxMs: 366 * DAY_MS, wholeSeconds: true })
      .default('0s')
      .meta({ example: '0s' }),
    anchor: z.enum(['epoch', 'startAt']).optional().meta({
      description:
        'What the interval counts from: 1970-01-01T00:00:00Z (epoch, the default), or startAt, which is then the first occurrence.',
      example: 'epoch',
    }),
    businessDays: BusinessDaysSkip.optional(),
    ...common,
  })
  .meta({
    id: 'EverySchedule',
    description:
      'Fires at every multiple of the interval since 1970-01-01T00:00:00Z, or since startAt (anchor), shifted by the offset.',
  });
export type EverySchedule = z.infer<typeof EverySchedule>;

const AtSchedule = z
  .strictObject({
    at: z.union([InstantOrLocalTime, z.array(InstantOrLocalTime).min(1).max(MAX_ENTRIES)]).meta({
      description: 'Instants with an offset, or local times without one, for which timeZone is required.',
      example: '2030-12-24T18:00:00+01:00',
    }),
    dst,
    ...common,
  })
  .meta({
    id: 'AtSchedule',
    description: 'Fires once at each instant; a fraction of a second is rounded up.',
  });
export type AtSchedule = z.infer<typeof AtSchedule>;

/** When a job fires: at local times (`cron`, `calendar`), at a fixed interval (`every`), or at given instants (`at`). */
export const Schedule = z
  .preprocess(checkKind, z.union([CronSchedule, EverySchedule, AtSchedule, CalendarSchedule]))
  .superRefine((schedule, context) => {
    const { startAt, endAt } = schedule;
    if (startAt !== undefined && endAt !== undefined && Date.parse(startAt) >= Date.parse(endAt)) {
      context.addIssue({
        code: 'custom',
        path: ['endAt'],
        message: `endAt ${endAt} must lie after startAt ${startAt}`,
      });
    }
    if ('calendar' in schedule && schedule.businessDays === undefined) {
      for (const [index, { businessDay }] of schedule.calendar.entries()) {
        if (businessDay === undefined) continue;
        const message = 'needs businessDays, whose calendar says which days are working days';
        context.addIssue({ code: 'custom', path: ['calendar', index, 'businessDay'], message });
      }
    }
    if (!('every' in schedule)) return;
    if (schedule.anchor === 'startAt' && startAt === undefined) {
      const message = 'the anchor "startAt" needs a startAt to count from';
      context.addIssue({ code: 'custom', path: ['anchor'], message });
    }
    const [offsetMs, everyMs] = [schedule.offset, schedule.every].map(parseDuration);
    // An invalid duration has been reported already.
    if (offsetMs !== undefined && everyMs !== undefined && offsetMs >= everyMs) {
      context.addIssue({
        code: 'custom',
        path: ['offset'],
        message: `the offset ${schedule.offset} must be shorter than the interval ${schedule.every}`,
      });
    }
  })
  .meta({ id: 'Schedule', description: 'Exactly one of cron, every, at and calendar.' });
export type Schedule = z.infer<typeof Schedule>;

/** A schedule that can be evaluated: with the working days of the calendar that it names, and what is skipped by request. */
export type StoredSchedule = WithWorkingDays<Schedule> & {
  /** In the order of their instants; left out if there is none. */
  skips?: Skip[];
};

type WithWorkingDays<Kind> = Kind extends { businessDays?: unknown }
  ? Kind & { businessDays?: StoredWorkingDays | undefined }
  : Kind;

const summary = z
  .string()
  .meta({ description: 'The schedule in English.', example: 'At 09:00, only on Monday, Europe/Berlin' });

const responseFields = {
  summary,
  warnings: z.array(Warning).optional().meta({
    description: 'Hints that the schedule may not do what its author meant; left out in lists.',
    example: [],
  }),
};

/** A schedule in responses: with its summary, and, except in lists, with warnings. */
export const ScheduleAnswer = z
  .union([
    CronSchedule.extend(responseFields).meta({ id: 'CronScheduleAnswer' }),
    EverySchedule.extend(responseFields).meta({ id: 'EveryScheduleAnswer' }),
    AtSchedule.extend(responseFields).meta({ id: 'AtScheduleAnswer' }),
    CalendarSchedule.extend(responseFields).meta({ id: 'CalendarScheduleAnswer' }),
  ])
  .meta({ id: 'ScheduleAnswer' });
