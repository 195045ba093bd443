import { z } from 'zod';
import { listCalendarRevisions } from '../../db/calendars/calendar-revisions.ts';
import { countCalendarUsers, findCalendarById, listCalendarRows } from '../../db/calendars/calendars.ts';
import { BusinessCalendar, BusinessCalendarInput } from '../../domain/business-calendar/business-calendar.ts';
import { CalendarName } from '../../domain/business-calendar/calendar-name.ts';
import { Revision } from '../../domain/job/revision.ts';
import {
  deleteCalendar as removeCalendar,
  storeNewCalendar,
} from '../../scheduling/calendars/store-calendar.ts';
import {
  answerCalendar,
  CALENDAR_HEADERS,
  CalendarParams,
  noSuchCalendar,
  presentCalendar,
  requireCalendar,
} from '../rest/calendar-resource.ts';
import { answerOnce, IDEMPOTENCY_ERRORS, IdempotencyHeaders, REPLAYED_HEADER } from '../rest/idempotency.ts';
import { IfMatchHeaders, requireMatch } from '../rest/if-match.ts';
import { writerOf } from '../rest/job-resource.ts';
import { operation } from '../rest/operation.ts';
import { presentRevision } from '../rest/present.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../rest/page.ts';

const TAG = 'Calendars';

export const createCalendar = operation({
  method: 'post',
  path: '/calendars',
  operationId: 'createCalendar',
  summary: 'Create a business calendar',
  description: 'Its working days are used by schedules that name it in `businessDays`.',
  tag: TAG,
  access: 'jobs:write',
  headers: IdempotencyHeaders,
  body: BusinessCalendarInput,
  bodyExamples: {
    holidays: {
      summary: 'Working days in Bavaria',
      value: {
        name: 'de-by',
        holidays: [
          { date: '2026-12-25', name: 'Christmas Day' },
          { from: '2026-12-28', to: '2026-12-31', name: 'Shutdown' },
        ],
        through: '2026-12-31',
      },
    },
  },
  answers: {
    201: {
      description: 'The calendar.',
      schema: BusinessCalendar,
      headers: { Location: 'Path of the calendar.', ...CALENDAR_HEADERS, ...REPLAYED_HEADER },
    },
  },
  errors: ['name_taken', 'too_many', ...IDEMPOTENCY_ERRORS],
  async handle(input, dependencies) {
    const { name, ...definition } = input.body;
    const answer = async (id: string) => {
      const row = await findCalendarById(dependencies.db, id);
      if (!row) throw noSuchCalendar(name);
      const { headers, ...rest } = await answerCalendar(201, dependencies.db, row);
      return { ...rest, headers: { Location: `/calendars/${name}`, ...headers } };
    };
    return answerOnce(input, dependencies, {
      make: async (db, id) => {
        const writer = writerOf(input, dependencies, dependencies.now());
        return storeNewCalendar(db, { id, namespace: input.namespace, name }, definition, writer);
      },
      answer: ({ id }) => answer(id),
      answerLate: answer,
    });
  },
});

export const listCalendars = operation({
  method: 'get',
  path: '/calendars',
  operationId: 'listCalendars',
  summary: 'List calendars by name',
  tag: TAG,
  access: 'jobs:read',
  query: z.strictObject(pageQuery),
  answers: {
    200: {
      description: 'One page of calendars.',
      schema: pageOf(BusinessCalendar, 'CalendarPage'),
      headers: { Link: 'The next page, if there is one.' },
    },
  },
  async handle({ query, namespace, url }, { readList }) {
    const place = decodeCursor(z.strictObject({ name: CalendarName }), query.cursor);
    const { rows, users } = await readList(async (db) => {
      const listed = await listCalendarRows(db, {
        namespace,
        afterName: place?.name,
        limit: query.limit + 1,
      });
      return {
        rows: listed,
        users: await countCalendarUsers(
          db,
          listed.map(({ id }) => id),
        ),
      };
    });
    return {
      status: 200,
      ...toPage(
        rows,
        query.limit,
        url,
        (row) => presentCalendar(row, users.get(row.id) ?? 0),
        ({ name }) => ({ name }),
      ),
    };
  },
});

export const getCalendar = operation({
  method: 'get',
  path: '/calendars/{name}',
  operationId: 'getCalendar',
  summary: 'Get a calendar',
  tag: TAG,
  access: 'jobs:read',
  params: CalendarParams,
  answers: { 200: { description: 'The calendar.', schema: BusinessCalendar, headers: CALENDAR_HEADERS } },
  errors: ['not_found'],
  async handle({ params, namespace }, { db }) {
    return answerCalendar(200, db, await requireCalendar(db, namespace, params.name));
  },
});

export const deleteCalendar = operation({
  method: 'delete',
  path: '/calendars/{name}',
  operationId: 'deleteCalendar',
  summary: 'Delete a calendar that nothing uses',
  tag: TAG,
  access: 'jobs:write',
  params: CalendarParams,
  headers: IfMatchHeaders,
  answers: { 204: { description: 'The calendar is deleted.' } },
  errors: ['not_found', 'calendar_in_use', 'precondition_failed'],
  async handle({ params: { name }, headers, ...request }, dependencies) {
    const writer = writerOf(request, dependencies, dependencies.now());
    const place = { namespace: request.namespace, name };
    const isDeleted = await removeCalendar(dependencies.db, place, writer, (calendar) =>
      requireMatch(headers, calendar, 'calendar'),
    );
    if (!isDeleted) throw noSuchCalendar(name);
    return { status: 204 };
  },
});

export const listRevisionsOfCalendar = operation({
  method: 'get',
  path: '/calendars/{name}/revisions',
  operationId: 'listRevisionsOfCalendar',
  summary: 'List the changes of a calendar, the latest first',
  tag: TAG,
  access: 'jobs:read',
  params: CalendarParams,
  query: z.strictObject(pageQuery),
  answers: {
    200: {
      description: 'One page of changes.',
      schema: pageOf(Revision, 'CalendarRevisionPage'),
      headers: { Link: 'The next page, if there is one.' },
    },
  },
  errors: ['not_found'],
  async handle({ params, query, namespace, url }, { db, readList }) {
    const place = decodeCursor(z.strictObject({ generation: z.int32() }), query.cursor);
    const calendar = await requireCalendar(db, namespace, params.name);
    const rows = await readList((readDb) =>
      listCalendarRevisions(readDb, {
        calendarId: calendar.id,
        beforeGeneration: place?.generation,
        limit: query.limit + 1,
      }),
    );
    return {
      status: 200,
      ...toPage(rows, query.limit, url, presentRevision, ({ generation }) => ({ generation })),
    };
  },
});
