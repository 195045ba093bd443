import { z } from 'zod';
import type { CalendarRow } from '../../db/schema.ts';
import {
  BusinessCalendar,
  BusinessCalendarDefinition,
} from '../../domain/business-calendar/business-calendar.ts';
import { Instant, toInstant } from '../../domain/instant.ts';
import { mergePatch } from '../../domain/job/merge-patch.ts';
import { previewCalendarChange } from '../../scheduling/calendars/preview-change.ts';
import { planCalendarChange, storeCalendarChange } from '../../scheduling/calendars/store-calendar.ts';
import {
  answerCalendar,
  CALENDAR_HEADERS,
  CalendarParams,
  noSuchCalendar,
} from '../rest/calendar-resource.ts';
import { IfMatchHeaders, requireMatch } from '../rest/if-match.ts';
import { writerOf, type JobRequest } from '../rest/job-resource.ts';
import { operation, type Answer, type ApiDependencies } from '../rest/operation.ts';
import { parseInput } from '../rest/validation.ts';

const EFFECTS =
  'The jobs that use the calendar, also by one that includes it, follow within seconds, each by a change of its own. With `dryRun=true` nothing is stored, and the answer shows which of their occurrences of the next 90 days move.';

/** What a change would do. */
const CalendarEffects = z
  .strictObject({
    calendar: BusinessCalendar.meta({ description: 'The calendar as it would be.' }),
    jobs: z.int().meta({ description: 'How many jobs would have other working days.' }),
    moved: z.int().meta({ description: 'How many of them have occurrences that move in the next 90 days.' }),
    examples: z
      .array(
        z.strictObject({
          id: z.uuid(),
          name: z.string(),
          gone: z.array(Instant).meta({ description: 'Occurrences that would not be due any more.' }),
          added: z.array(Instant).meta({ description: 'Occurrences that would be due in their place.' }),
          isCut: z.boolean().meta({ description: 'There are more than are shown.' }),
        }),
      )
      .meta({ description: 'The first 100 of these jobs, each with the first 20 occurrences.' }),
  })
  .meta({ id: 'CalendarEffects' });

const query = z.strictObject({
  dryRun: z
    .enum(['true', 'false'])
    .default('false')
    .meta({ description: 'Whether only to show what the change would do.' }),
});

const answers = {
  200: {
    description: 'The calendar; with `dryRun`, what the change would do.',
    schema: z.union([BusinessCalendar, CalendarEffects]),
    headers: CALENDAR_HEADERS,
  },
};

interface ChangeRequest extends JobRequest {
  params: { name: string };
  query: { dryRun: 'true' | 'false' };
  headers: IfMatchHeaders;
}

async function changeCalendar(
  { params: { name }, query: { dryRun }, headers, ...request }: ChangeRequest,
  dependencies: ApiDependencies,
  define: (calendar: CalendarRow) => BusinessCalendarDefinition,
): Promise<Answer> {
  const { db } = dependencies;
  const place = { namespace: request.namespace, name };
  const now = dependencies.now();
  const decide = (calendar: CalendarRow) => {
    requireMatch(headers, calendar, 'calendar');
    return define(calendar);
  };
  if (dryRun === 'true') {
    const planned = await planCalendarChange(db, place, decide);
    if (!planned) throw noSuchCalendar(name);
    const { examples, ...counts } = await previewCalendarChange(db, planned.affected, now);
    const { body, ...answer } = await answerCalendar(200, db, planned.calendar);
    const shown = examples.map(({ gone, added, ...job }) => ({
      ...job,
      gone: gone.map(toInstant),
      added: added.map(toInstant),
    }));
    return { ...answer, body: { calendar: body, ...counts, examples: shown } };
  }
  const stored = await storeCalendarChange(db, place, writerOf(request, dependencies, now), decide);
  if (!stored) throw noSuchCalendar(name);
  return answerCalendar(200, db, stored.calendar);
}

export const replaceCalendar = operation({
  method: 'put',
  path: '/calendars/{name}',
  operationId: 'replaceCalendar',
  summary: 'Replace a calendar',
  description: `Replaces the whole definition; fields that the body leaves out get their defaults. ${EFFECTS} Never creates a calendar.`,
  tag: 'Calendars',
  access: 'jobs:write',
  params: CalendarParams,
  query,
  headers: IfMatchHeaders,
  body: BusinessCalendarDefinition.meta({ id: 'BusinessCalendarDefinition' }),
  bodyExamples: {
    holidays: {
      summary: 'Another holiday',
      value: {
        holidays: [
          { date: '2026-12-24', name: 'Christmas Eve' },
          { date: '2026-12-25', name: 'Christmas Day' },
        ],
      },
    },
  },
  answers,
  errors: ['not_found', 'precondition_failed'],
  async handle(input, dependencies) {
    return changeCalendar(input, dependencies, () => input.body);
  },
});

export const patchCalendar = operation({
  method: 'patch',
  path: '/calendars/{name}',
  operationId: 'patchCalendar',
  summary: 'Change fields of a calendar',
  description: `Merges the body into the definition (RFC 7396); lists are replaced. ${EFFECTS}`,
  tag: 'Calendars',
  access: 'jobs:write',
  params: CalendarParams,
  query,
  headers: IfMatchHeaders,
  body: z
    .record(z.string(), z.unknown(), {
      error: 'must be an object with the fields to change; null removes a field',
    })
    .meta({
      id: 'BusinessCalendarPatch',
      description: 'A JSON merge patch (RFC 7396) of the fields of BusinessCalendarDefinition.',
      example: { through: '2029-12-31' },
    }),
  bodyTypes: ['application/merge-patch+json', 'application/json'],
  bodyExamples: {
    through: { summary: 'The holidays are known for another year', value: { through: '2029-12-31' } },
  },
  answers,
  errors: ['not_found', 'precondition_failed'],
  async handle(input, dependencies) {
    return changeCalendar(input, dependencies, ({ definition }) => {
      const unknown = Object.entries(input.body).filter(([field]) => !(field in definition));
      const merged = {
        ...(mergePatch(definition, input.body) as object),
        ...Object.fromEntries(unknown.filter(([, value]) => value !== null)),
      };
      return parseInput(BusinessCalendarDefinition, merged);
    });
  },
});
