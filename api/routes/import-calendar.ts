import { z } from 'zod';
import { findCalendarById } from '../../db/calendars/calendars.ts';
import {
  BusinessCalendar,
  BusinessCalendarDefinition,
  besideHolidays,
} from '../../domain/business-calendar/business-calendar.ts';
import { CalendarName } from '../../domain/business-calendar/calendar-name.ts';
import { CalendarDate } from '../../domain/business-calendar/calendar-date.ts';
import { invalid } from '../../domain/errors.ts';
import { TimeZone } from '../../domain/schedule/schedule.ts';
import { resolveZone } from '../../domain/schedule/canonical-zone.ts';
import { storeCalendarChange, storeNewCalendar } from '../../scheduling/calendars/store-calendar.ts';
import { readIcsApart } from '../import/read-ics-apart.ts';
import { answerCalendar, CALENDAR_HEADERS, noSuchCalendar } from '../rest/calendar-resource.ts';
import { answerOnce, IDEMPOTENCY_ERRORS, IdempotencyHeaders, REPLAYED_HEADER } from '../rest/idempotency.ts';
import { writerOf } from '../rest/job-resource.ts';
import { operation } from '../rest/operation.ts';
import { parseInput } from '../rest/validation.ts';

/** Without `through`, holidays are read up to the end of this many years after the present one. */
const YEARS_AHEAD = 3;

const ImportInput = z
  .strictObject({
    name: CalendarName,
    ...besideHolidays,
    ics: z.string().min(1).meta({ description: 'The text of the iCalendar file (RFC 5545).' }),
    timeZone: TimeZone.default('UTC').meta({
      description: 'In which events with a time are taken for days; whole days have no time zone.',
    }),
    from: CalendarDate.optional().meta({
      description: 'The first date that is read; by default the first of this year.',
      example: '2026-01-01',
    }),
    through: CalendarDate.optional().meta({
      description: 'The last date that is read; by default the end of the third year after this one.',
      example: '2029-12-31',
    }),
  })
  .meta({
    id: 'CalendarImport',
    example: {
      name: 'de-by',
      ics: 'BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nSUMMARY:Christmas Day\nDTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY\nEND:VEVENT\nEND:VCALENDAR',
    },
  });

const ImportedCalendar = z
  .strictObject({
    calendar: BusinessCalendar,
    leftOut: z
      .array(z.strictObject({ event: z.string(), reason: z.string() }))
      .meta({ description: 'Events that are no holidays here, and why; the first 100.' }),
  })
  .meta({ id: 'ImportedCalendar' });

const MAX_LEFT_OUT = 100;

export const importCalendar = operation({
  method: 'post',
  path: '/calendars/import',
  operationId: 'importCalendar',
  summary: 'Create a calendar from an iCalendar file',
  description:
    'Takes over the whole days of the file, repeated ones too, up to `through`. To bring an existing calendar up to date, read its file with `POST /calendars/import?replace=true`: that replaces its definition.',
  tag: 'Calendars',
  access: 'jobs:write',
  headers: IdempotencyHeaders,
  query: z.strictObject({
    replace: z
      .enum(['true', 'false'])
      .default('false')
      .meta({ description: 'Whether a calendar of this name is replaced.' }),
  }),
  body: ImportInput,
  bodyExamples: {
    christmas: {
      summary: 'A file with one holiday that is repeated each year',
      value: {
        name: 'de-by',
        ics: 'BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nSUMMARY:Christmas Day\nDTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY\nEND:VEVENT\nEND:VCALENDAR',
        through: '2029-12-31',
      },
    },
  },
  answers: {
    201: {
      description: 'The calendar.',
      schema: ImportedCalendar,
      headers: { Location: 'Path of the calendar.', ...CALENDAR_HEADERS, ...REPLAYED_HEADER },
    },
  },
  errors: ['name_taken', 'too_many', ...IDEMPOTENCY_ERRORS],
  async handle(input, dependencies) {
    const now = dependencies.now();
    const { name, ics, timeZone, from: given, ...definition } = input.body;
    const year = now.getUTCFullYear();
    const from = given ?? `${year}-01-01`;
    const through = definition.through ?? `${year + YEARS_AHEAD}-12-31`;
    if (through < from)
      throw invalid([{ path: 'through', code: 'before_from', message: `must not lie before from, ${from}` }]);
    const { holidays, leftOut } = await readIcsApart(ics, { from, through, timeZone: resolveZone(timeZone) });
    const whole = parseInput(BusinessCalendarDefinition, { ...definition, through, holidays });
    const answer = async (id: string) => {
      const row = await findCalendarById(dependencies.db, id);
      if (!row) throw noSuchCalendar(name);
      const { headers, body } = await answerCalendar(201, dependencies.db, row);
      return {
        status: 201,
        headers: { Location: `/calendars/${name}`, ...headers },
        body: { calendar: body, leftOut: leftOut.slice(0, MAX_LEFT_OUT) },
      };
    };
    return answerOnce(input, dependencies, {
      make: async (db, id) => {
        const writer = writerOf(input, dependencies, now);
        const place = { namespace: input.namespace, name };
        const replaced =
          input.query.replace === 'true'
            ? await storeCalendarChange(db, place, writer, () => whole)
            : undefined;
        return replaced?.calendar ?? storeNewCalendar(db, { id, ...place }, whole, writer);
      },
      answer: ({ id }) => answer(id),
      answerLate: answer,
    });
  },
});
