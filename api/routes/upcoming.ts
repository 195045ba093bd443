import { z } from 'zod';
import { invalid } from '../../domain/errors.ts';
import { Instant, QueryInstant, toInstant } from '../../domain/instant.ts';
import { DAY_MS } from '../../domain/milliseconds.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { prepareMovedFrom } from '../../domain/schedule/moved-from.ts';
import { toLocalTime } from '../../domain/schedule/time-zone.ts';
import { resolveZone } from '../../domain/schedule/canonical-zone.ts';
import { listUpcomingRows, type UpcomingOccurrence } from '../../scheduling/occurrences/list-upcoming.ts';
import { jobsQuery } from '../rest/jobs-query.ts';
import { operation } from '../rest/operation.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../rest/page.ts';

const DEFAULT_DAYS = 31;
const MAX_DAYS = 366;

/** The window is kept for all pages, also one that began at the time of the first request. */
const UpcomingCursor = z.strictObject({ from: Instant, to: Instant, at: Instant, id: z.uuid() });

const UpcomingOfAll = z
  .strictObject({
    jobId: z.uuid(),
    name: z.string().meta({ description: 'The name of the job.' }),
    scheduledAt: Instant.meta({ description: 'The nominal time of the occurrence, in UTC.' }),
    local: z.string().meta({ description: 'The same time in the time zone of the schedule.' }),
    timeZone: z.string(),
    movedFrom: z.array(z.iso.date()).meta({
      description:
        'The dates from which business days have moved the occurrence; mostly none. Several dates are one occurrence.',
    }),
  })
  .meta({
    id: 'UpcomingOccurrence',
    example: {
      jobId: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f',
      name: 'weekly-report',
      scheduledAt: '2026-11-23T08:00:00Z',
      local: '2026-11-23T09:00:00+01:00',
      timeZone: 'Europe/Berlin',
      movedFrom: [],
    },
  });

/** Presents occurrences; the schedule of a job is compiled once for all of its own. */
function presenter(): (occurrence: UpcomingOccurrence) => z.infer<typeof UpcomingOfAll> {
  const movedFrom = new Map<string, (instant: number) => string[]>();
  return ({ job, at }) => {
    const { id, name, schedule } = job;
    const { timeZone } = schedule;
    const from = movedFrom.get(id) ?? prepareMovedFrom(compileSchedule(schedule));
    movedFrom.set(id, from);
    return {
      jobId: id,
      name,
      scheduledAt: toInstant(at),
      local: toLocalTime(resolveZone(timeZone), at),
      timeZone,
      movedFrom: from(at),
    };
  };
}

export const listUpcomingOfAll = operation({
  method: 'get',
  path: '/upcoming',
  operationId: 'listUpcomingOfAll',
  summary: 'List the next occurrences of all jobs, the earliest first',
  description:
    'Occurrences of active jobs, and none of jobs that are paused or completed: a job that resumes by itself is listed once it has resumed. Of a job with `maxRuns`, as many as are left after `from`. What has become due since the page before is left out.',
  tag: 'Jobs',
  access: 'jobs:read',
  query: z.strictObject({
    ...pageQuery,
    from: QueryInstant.optional().meta({
      description:
        'Only occurrences after this instant; by default, and if it has passed, after now. `GET /runs` lists the past.',
    }),
    to: QueryInstant.optional().meta({
      description: `Only occurrences before this instant, at most ${MAX_DAYS} days after \`from\`; by default ${DEFAULT_DAYS} days after it.`,
    }),
    ...jobsQuery,
  }),
  answers: {
    200: {
      description: 'One page of occurrences.',
      schema: pageOf(UpcomingOfAll, 'UpcomingOccurrencePage'),
      headers: { Link: 'The next page, if there is one.' },
    },
  },
  errors: ['too_many'],
  async handle({ query, namespace, url }, { readList, now, logger }) {
    const { limit, q: text, label: labels } = query;
    const cursor = decodeCursor(UpcomingCursor, query.cursor);
    const at = now().getTime();
    const asked = cursor ?? query;
    const since = asked.from === undefined ? at : Date.parse(asked.from);
    const from = cursor ? since : Math.max(since, at);
    const to = asked.to === undefined ? from + DEFAULT_DAYS * DAY_MS : Date.parse(asked.to);
    requireWindow(from, to);
    const after = cursor && { at: Date.parse(cursor.at), id: cursor.id };
    const rows = await readList((db) =>
      listUpcomingRows({ db, logger }, { filter: { namespace, text, labels }, from, to }, at, {
        after,
        limit: limit + 1,
      }),
    );
    const page = toPage(rows, limit, url, presenter(), ({ job, at: instant }) => ({
      from: toInstant(from),
      to: toInstant(to),
      at: toInstant(instant),
      id: job.id,
    }));
    return { status: 200, ...page };
  },
});

/** @throws SchedulerError `invalid` */
function requireWindow(from: number, to: number): void {
  const isOrdered = from < to;
  if (isOrdered && to - from <= MAX_DAYS * DAY_MS) return;
  const message = isOrdered
    ? `is more than ${MAX_DAYS} days after from; choose ${toInstant(from + MAX_DAYS * DAY_MS)} or earlier, and go on from there`
    : `must be after ${toInstant(from)}, at which the list begins: the later of from and now`;
  throw invalid([{ path: 'to', code: isOrdered ? 'window_too_long' : 'not_after_from', message }]);
}
