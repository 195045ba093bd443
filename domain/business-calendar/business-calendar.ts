import { z } from 'zod';
import { Instant } from '../instant.ts';
import { freeText, singleLine } from '../text.ts';
import { CalendarDate } from './calendar-date.ts';
import { CalendarName } from './calendar-name.ts';

/** The most entries of holidays, and of working days. */
export const MAX_ENTRIES = 2_000;
const MAX_INCLUDED = 10;
const MAX_RANGE_DAYS = 366;

/** The days of the week as calendars name them, Sunday first. */
export const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] as const;
type Weekday = (typeof WEEKDAYS)[number];

const entryName = singleLine(200).min(1).meta({ example: 'Christmas Day' });

const Holiday = z
  .union([
    z.strictObject({ date: CalendarDate, name: entryName }),
    z
      .strictObject({ from: CalendarDate, to: CalendarDate, name: entryName })
      .refine(({ from, to }) => from <= to, { path: ['to'], error: 'must not lie before from' })
      .refine(({ from, to }) => Date.parse(to) - Date.parse(from) < MAX_RANGE_DAYS * 86_400_000, {
        path: ['to'],
        error: `a holiday has at most ${MAX_RANGE_DAYS} days`,
      }),
  ])
  .meta({
    id: 'Holiday',
    description: 'A date, or a range of dates, both included.',
    example: { date: '2026-12-25', name: 'Christmas Day' },
  });
export type Holiday = z.infer<typeof Holiday>;

const WorkingDay = z
  .strictObject({ date: CalendarDate, name: entryName })
  .meta({ id: 'WorkingDay', example: { date: '2026-02-28', name: 'Makes up for 16 February' } });

/** What a calendar says besides its holidays. */
export const besideHolidays = {
  weekdays: z
    .array(z.enum(WEEKDAYS))
    .max(7)
    .refine((days) => new Set(days).size === days.length, { error: 'names a day twice' })
    .default(['MON', 'TUE', 'WED', 'THU', 'FRI'])
    .meta({ description: 'The days of the week that are working days unless they are holidays.' }),
  workingDays: z.array(WorkingDay).max(MAX_ENTRIES).default([]).meta({
    description:
      'Working days although they fall on another day of the week, or on a holiday of an included calendar.',
  }),
  include: z
    .array(CalendarName)
    .max(MAX_INCLUDED)
    .refine((names) => new Set(names).size === names.length, { error: 'names a calendar twice' })
    .default([])
    .meta({ description: 'Calendars whose holidays and working days count here, too.', example: [] }),
  through: CalendarDate.optional().meta({
    description:
      'The last date for which the holidays are known. Jobs are warned from 60 days before; after it the days of the week alone count.',
    example: '2028-12-31',
  }),
  description: freeText(2_000).default(''),
  source: singleLine(500).optional().meta({
    description: 'Where the dates come from.',
    example: 'https://www.bundesbank.de/',
  }),
};

const definition = { ...besideHolidays, holidays: z.array(Holiday).max(MAX_ENTRIES).default([]) };

/** What a request says of a business calendar, besides its name. */
export const BusinessCalendarDefinition = z.strictObject(definition).superRefine((calendar, context) => {
  const { weekdays, workingDays, include, holidays } = calendar;
  if (weekdays.length === 0 && workingDays.length === 0 && include.length === 0)
    context.addIssue({
      code: 'custom',
      path: ['weekdays'],
      message: 'a calendar has at least one working day: name weekdays, workingDays or a calendar to include',
    });
  const dates = new Set(workingDays.map(({ date }) => date));
  for (const [index, holiday] of holidays.entries())
    if ('date' in holiday && dates.has(holiday.date))
      context.addIssue({
        code: 'custom',
        path: ['holidays', index, 'date'],
        message: `${holiday.date} is among workingDays, too; it can be only one of them`,
      });
});
export type BusinessCalendarDefinition = z.infer<typeof BusinessCalendarDefinition>;

const example = {
  name: 'de-by',
  weekdays: ['MON', 'TUE', 'WED', 'THU', 'FRI'] as Weekday[],
  holidays: [{ date: '2026-12-25', name: 'Christmas Day' }],
  workingDays: [],
  include: [],
  through: '2028-12-31',
  description: '',
};

/** The body of a request that creates a calendar. */
export const BusinessCalendarInput = z
  .strictObject({ name: CalendarName, ...definition })
  .superRefine((input, context) => {
    const { name, ...rest } = input;
    if (input.include.includes(name))
      context.addIssue({ code: 'custom', path: ['include'], message: 'a calendar cannot include itself' });
    for (const issue of BusinessCalendarDefinition.safeParse(rest).error?.issues ?? [])
      if (issue.code === 'custom') context.addIssue({ ...issue, code: 'custom', input: rest });
  })
  .meta({ id: 'BusinessCalendarInput', example });
export type BusinessCalendarInput = z.infer<typeof BusinessCalendarInput>;

/** A calendar in responses. */
export const BusinessCalendar = z
  .strictObject({
    name: CalendarName,
    namespace: z.string(),
    ...definition,
    generation: z.int().meta({ description: 'Increases by one with every change of the calendar.' }),
    usedBy: z.int().meta({ description: 'How many jobs use it, also by calendars that include it.' }),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({
    id: 'BusinessCalendar',
    example: {
      ...example,
      namespace: 'default',
      generation: 1,
      usedBy: 3,
      createdAt: '2026-11-22T17:00:00.123Z',
      updatedAt: '2026-11-22T17:00:00.123Z',
    },
  });
export type BusinessCalendar = z.infer<typeof BusinessCalendar>;
