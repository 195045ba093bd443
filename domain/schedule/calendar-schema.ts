import { z } from 'zod';
import { FIRST_YEAR, LAST_YEAR, numbers, toRanges, type Calendar } from './calendar.ts';
import { DAY_NAMES, FULL_DAY_NAMES, FULL_MONTH_NAMES, MONTH_NAMES } from './cron/fields.ts';
import { singleLine } from '../text.ts';

/** The fields of a calendar: their bounds, the names that they accept, and their default. */
const FIELDS = {
  second: { min: 0, max: 59, names: [], fallback: [0] },
  minute: { min: 0, max: 59, names: [], fallback: [0] },
  hour: { min: 0, max: 23, names: [], fallback: [0] },
  dayOfMonth: { min: 1, max: 31, names: [], fallback: '*' },
  month: { min: 1, max: 12, names: MONTH_NAMES, fullNames: FULL_MONTH_NAMES, fallback: '*' },
  dayOfWeek: { min: 0, max: 6, names: DAY_NAMES, fullNames: FULL_DAY_NAMES, fallback: '*' },
  year: { min: FIRST_YEAR, max: LAST_YEAR, names: [], fallback: '*' },
} as const satisfies Record<string, FieldOptions>;

interface FieldOptions {
  min: number;
  max: number;
  names: readonly string[];
  fullNames?: readonly string[];
  fallback: number[] | '*';
}

/** A value is a number or a name; an entry of a field is a value or a range. */
type Value = number | string;
type Entry = Value | { start: Value; end?: Value | undefined; step?: number | undefined };

function fieldSchema(key: keyof typeof FIELDS) {
  const { min, max, names } = FIELDS[key];
  const range = `from ${min} to ${max}${names.length > 0 ? `, or a name ${names[0]}–${names[names.length - 1]}` : ''}`;
  const number = z
    .int()
    .min(min, { error: `must be ${range}` })
    .max(max, { error: `must be ${range}` });
  const name = z.string().refine((text) => isName(key, text), {
    error: (issue) =>
      `${JSON.stringify(String(issue.input).slice(0, 40))} is no name; must be ${range}, short or in full`,
  });
  const value = names.length > 0 ? z.union([number, name]) : number;
  const span = z
    .strictObject({ start: value, end: value.optional(), step: z.int().min(1).max(max).optional() })
    .refine(({ start, end }) => end === undefined || (valueOf(key, end) ?? 0) >= (valueOf(key, start) ?? 0), {
      path: ['end'],
      error: 'must not lie before start',
    });
  const entry = z.union([value, span]);
  return z.union([z.literal('*'), entry, z.array(entry).min(1).max(100)]).optional();
}

const MAX_BUSINESS_DAY = 23;
const BusinessDay = z
  .int()
  .min(-MAX_BUSINESS_DAY)
  .max(MAX_BUSINESS_DAY)
  .refine((place) => place !== 0, {
    error: 'must not be 0: 1 is the first working day of the month, -1 the last',
  });

/** A set of local times, as in a structured calendar of a Temporal Schedule: all fields must match. */
export const CalendarInput = z
  .strictObject({
    second: fieldSchema('second'),
    minute: fieldSchema('minute'),
    hour: fieldSchema('hour'),
    dayOfMonth: fieldSchema('dayOfMonth'),
    month: fieldSchema('month'),
    dayOfWeek: fieldSchema('dayOfWeek'),
    year: fieldSchema('year'),
    businessDay: z
      .union([BusinessDay, z.array(BusinessDay).min(1).max(46)])
      .optional()
      .meta({
        description:
          'Of the days that match, only these working days of the month: 1 is the first, -1 the last. Needs businessDays.',
        example: [1, -1],
      }),
    comment: singleLine(200).optional(),
  })
  .meta({
    id: 'Calendar',
    description:
      'All fields must match. A field is "*", a value, { start, end, step }, or a list of these. Left out, second, minute and hour are 0, and the others "*". Sunday is 0.',
    example: { hour: 9, dayOfWeek: [{ start: 'MON', end: 'FRI' }], comment: 'on working days' },
  });
export type CalendarInput = z.infer<typeof CalendarInput>;

/** Whether a text is a short or full name of a field's value, ignoring case. */
function isName(key: keyof typeof FIELDS, text: string): boolean {
  const { names, fullNames = [] }: FieldOptions = FIELDS[key];
  return [...names, ...fullNames].includes(text.toUpperCase());
}

/** Reads only the first three letters of a name, because stored jobs may hold names that are refused today. */
function valueOf(key: keyof typeof FIELDS, value: Value): number | undefined {
  if (typeof value === 'number') return value;
  const index = (FIELDS[key].names as readonly string[]).indexOf(value.slice(0, 3).toUpperCase());
  return index < 0 ? undefined : index + FIELDS[key].min;
}

/** The calendar of an accepted input. `fallbacks` overrides the defaults of missing fields. Pure. */
export function toCalendar(
  input: CalendarInput,
  fallbacks: Partial<Record<keyof typeof FIELDS, '*'>> = {},
): Calendar {
  const field = (key: keyof typeof FIELDS) => {
    const { min, max, fallback } = FIELDS[key];
    const given = input[key] ?? fallbacks[key] ?? fallback;
    if (given === '*') return [{ start: min, end: max, step: 1 }];
    const isIn = new Uint8Array(max + 1);
    for (const entry of Array.isArray(given) ? given : [given]) markValues(key, entry, isIn);
    return toRanges(numbers(min, max).filter((value) => isIn[value] === 1));
  };
  const year = input.year === undefined || input.year === '*' ? {} : { year: field('year') };
  return {
    second: field('second'),
    minute: field('minute'),
    hour: field('hour'),
    dayOfMonth: field('dayOfMonth'),
    month: field('month'),
    dayOfWeek: field('dayOfWeek'),
    ...year,
  };
}

/** Marks the values of an entry; entries may overlap. */
function markValues(key: keyof typeof FIELDS, entry: Entry, isIn: Uint8Array): void {
  if (typeof entry !== 'object') {
    isIn[valueOf(key, entry) as number] = 1;
    return;
  }
  const start = valueOf(key, entry.start) as number;
  // A step without an end runs to the last value, as 5/10 does in cron.
  const end =
    entry.end === undefined
      ? entry.step === undefined
        ? start
        : FIELDS[key].max
      : (valueOf(key, entry.end) as number);
  for (let value = start; value <= end; value += entry.step ?? 1) isIn[value] = 1;
}
