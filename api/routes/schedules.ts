import { z } from 'zod';
import { countScheduledRuns } from '../../db/runs/runs.ts';
import { Instant, QueryInstant, toInstant } from '../../domain/instant.ts';
import type { Job } from '../../domain/job/job.ts';
import { prepareMovedFrom } from '../../domain/schedule/moved-from.ts';
import { occurrences } from '../../domain/schedule/occurrences.ts';
import { Schedule } from '../../domain/schedule/schedule.ts';
import { Warning } from '../../domain/schedule/schedule-warning.ts';
import { findWarnings } from '../../domain/schedule/find-warnings.ts';
import { summarizeSchedule } from '../../domain/schedule/schedule-summary.ts';
import { toLocalTime } from '../../domain/schedule/time-zone.ts';
import { resolveZone } from '../../domain/schedule/canonical-zone.ts';
import { attachCalendar } from '../../scheduling/calendars/attach-calendar.ts';
import { requireFitSchedule } from '../rest/fit-schedule.ts';
import { JobIdParams, requireJob } from '../rest/job-resource.ts';
import { operation } from '../rest/operation.ts';
import { evaluateSchedule } from '../rest/present.ts';

const MAX_TIMES = 100;

const from = { description: 'Only occurrences after this instant; by default after now.' };

const Upcoming = z
  .strictObject({
    times: z.array(Instant).meta({ description: 'The nominal times of the occurrences, in UTC.' }),
    local: z.array(z.string()).meta({ description: 'The same times in the time zone of the schedule.' }),
    moved: z.array(z.strictObject({ time: Instant, from: z.array(z.iso.date()) })).meta({
      description:
        'The occurrences that business days have moved, with the dates that they come from. Several dates are one occurrence.',
    }),
    timeZone: z.string(),
    jitter: z
      .string()
      .nullable()
      .meta({ description: 'A run may start later than its nominal time by up to this duration.' }),
    summary: z.string().meta({ description: 'The schedule in plain words.' }),
    warnings: z
      .array(Warning)
      .meta({ description: 'Parts of the schedule that its author may not have meant.' }),
  })
  .meta({
    id: 'Upcoming',
    example: {
      times: ['2026-11-23T08:00:00Z', '2026-11-30T08:00:00Z'],
      local: ['2026-11-23T09:00:00+01:00', '2026-11-30T09:00:00+01:00'],
      moved: [],
      timeZone: 'Europe/Berlin',
      jitter: null,
      summary: 'At 09:00, only on Monday, Europe/Berlin',
      warnings: [],
    },
  });

function present(
  schedule: Pick<Job['schedule'], 'timeZone' | 'jitter' | 'summary' | 'warnings'>,
  instants: number[],
  movedFrom: (instant: number) => string[],
): z.infer<typeof Upcoming> {
  const moved = instants.map((instant) => ({ time: toInstant(instant), from: movedFrom(instant) }));
  return {
    times: instants.map(toInstant),
    local: instants.map((instant) => toLocalTime(resolveZone(schedule.timeZone), instant)),
    moved: moved.filter(({ from }) => from.length > 0),
    timeZone: schedule.timeZone,
    jitter: schedule.jitter ?? null,
    summary: schedule.summary,
    warnings: schedule.warnings ?? [],
  };
}

export const previewSchedule = operation({
  method: 'post',
  path: '/schedules/preview',
  operationId: 'previewSchedule',
  summary: 'Preview the occurrences of a schedule',
  description: 'Stores nothing. A schedule that never fires is refused, as in a job.',
  tag: 'Schedules',
  access: 'jobs:read',
  body: z
    .strictObject({
      schedule: Schedule,
      from: Instant.optional().meta(from),
      limit: z
        .int()
        .min(1)
        .max(MAX_TIMES)
        .default(10)
        .meta({ description: 'Maximum number of occurrences.' }),
    })
    .meta({ id: 'PreviewInput' }),
  bodyExamples: {
    cron: {
      summary: 'The second Tuesday of each month, but not in July',
      value: {
        schedule: {
          cron: '0 6 * * TUE#2',
          timeZone: 'America/New_York',
          exclude: [{ calendar: { month: 'JUL', hour: '*', minute: '*' } }],
        },
      },
    },
  },
  answers: { 200: { description: 'The occurrences.', schema: Upcoming } },
  async handle({ body, namespace }, dependencies) {
    const after = body.from === undefined ? dependencies.now().getTime() : Date.parse(body.from);
    const schedule = await attachCalendar(dependencies.db, namespace, body.schedule);
    const compiled = requireFitSchedule(schedule, after, dependencies);
    const limit = Math.min(body.limit, body.schedule.maxRuns ?? Infinity);
    const instants = occurrences(compiled, after, limit);
    const summary = summarizeSchedule(body.schedule);
    const warnings = findWarnings(schedule, after, compiled);
    return {
      status: 200,
      body: present({ ...body.schedule, summary, warnings }, instants, prepareMovedFrom(compiled)),
    };
  },
});

export const listUpcoming = operation({
  method: 'get',
  path: '/jobs/{id}/upcoming',
  operationId: 'listUpcoming',
  summary: 'List the next occurrences of a job',
  tag: 'Jobs',
  access: 'jobs:read',
  params: JobIdParams,
  query: z.strictObject({
    limit: z.coerce
      .number()
      .int()
      .min(1)
      .max(MAX_TIMES)
      .default(10)
      .meta({ description: 'Maximum number of occurrences.', example: 10 }),
    from: QueryInstant.optional().meta(from),
  }),
  answers: { 200: { description: 'The occurrences.', schema: Upcoming } },
  errors: ['not_found'],
  async handle({ params, query, namespace }, dependencies) {
    const job = await requireJob(dependencies.db, namespace, params.id);
    const counts = await countScheduledRuns(dependencies.db, [job.id]);
    const after = query.from === undefined ? dependencies.now().getTime() : Date.parse(query.from);
    const scheduledRuns = counts.get(job.id) ?? 0;
    const { schedule, upcoming, movedFrom } = evaluateSchedule(job, {
      scheduledRuns,
      after,
      limit: query.limit,
      withWarnings: true,
    });
    return { status: 200, body: present(schedule, upcoming, movedFrom) };
  },
});
