import { z } from 'zod';
import type { Database } from '../../db/database.ts';
import { inTransaction } from '../../db/in-transaction.ts';
import { listJobRows, type JobFilter } from '../../db/jobs/job-lists.ts';
import { countJobsLocked, findJobOrTombstone, removeNewJob } from '../../db/jobs/jobs.ts';
import type { JobRow } from '../../db/schema.ts';
import { invalid, SchedulerError } from '../../domain/errors.ts';
import { Instant } from '../../domain/instant.ts';
import { Job, JobInput, JobState, SyncState } from '../../domain/job/job.ts';
import type { Logger } from '../../platform/logger.ts';
import { listJobsByNextRun } from '../../scheduling/occurrences/list-by-next-run.ts';
import { attachCalendar } from '../../scheduling/calendars/attach-calendar.ts';
import { syncJob } from '../../scheduling/schedules/sync.ts';
import { storeNewJob } from '../../scheduling/jobs/store-job.ts';
import { requireFitSchedule, requireFitStartWithin } from '../rest/fit-schedule.ts';
import { answerOnce, IDEMPOTENCY_ERRORS, IdempotencyHeaders, REPLAYED_HEADER } from '../rest/idempotency.ts';
import {
  answerJob,
  JOB_HEADERS,
  JobIdParams,
  NO_RUNS,
  noSuchJob,
  readRuns,
  requireJob,
  writerOf,
} from '../rest/job-resource.ts';
import { jobsQuery } from '../rest/jobs-query.ts';
import { operation, type Answer, type ApiDependencies } from '../rest/operation.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../rest/page.ts';
import { presentJob, type RunsOfJob } from '../rest/present.ts';

export const createJob = operation({
  method: 'post',
  path: '/jobs',
  operationId: 'createJob',
  summary: 'Create a job',
  description:
    'Stores the job and creates its Temporal Schedule. If Temporal cannot be reached at the moment, the job is stored with `sync.state: "pending"`, and scheduled as soon as possible. If Temporal refuses the schedule, the request is refused with the message of Temporal, and nothing is stored.',
  tag: 'Jobs',
  access: 'jobs:write',
  headers: IdempotencyHeaders,
  body: JobInput,
  bodyExamples: {
    cron: {
      summary: 'Every Monday at nine in Berlin',
      value: {
        name: 'weekly-report',
        schedule: { cron: '0 9 * * MON', timeZone: 'Europe/Berlin' },
        target: { type: 'http', url: 'https://example.com/hooks/report', body: { report: 'weekly' } },
      },
    },
    every: {
      summary: 'Every 15 minutes',
      value: {
        name: 'poll-inbox',
        schedule: { every: '15m' },
        target: { type: 'http', method: 'GET', url: 'https://example.com/inbox/poll' },
      },
    },
    at: {
      summary: 'Once',
      value: {
        name: 'christmas-greeting',
        schedule: { at: '2030-12-24T18:00:00+01:00' },
        target: { type: 'http', url: 'https://example.com/hooks/greet', body: 'Merry Christmas' },
      },
    },
  },
  answers: {
    201: {
      description: 'The job.',
      schema: Job,
      headers: { Location: 'Path of the job.', ...JOB_HEADERS, ...REPLAYED_HEADER },
    },
  },
  errors: ['name_taken', 'too_many_jobs', ...IDEMPOTENCY_ERRORS],
  async handle(input, dependencies) {
    return answerOnce(input, dependencies, {
      make: async (db, id) => {
        const now = dependencies.now();
        const schedule = await attachCalendar(db, input.namespace, input.body.schedule);
        const compiled = requireFitSchedule(schedule, now.getTime(), dependencies);
        requireFitStartWithin(input.body.onLate, schedule, now.getTime(), compiled);
        const job = { id, namespace: input.namespace, definition: { ...input.body, schedule } };
        const create = (db: Database) => storeNewJob(db, job, writerOf(input, dependencies, now));
        const { jobsPerNamespace } = dependencies.limits;
        if (jobsPerNamespace === undefined) return create(db);
        return inTransaction(db, async (transaction) => {
          await requireRoom(transaction, job.namespace, jobsPerNamespace);
          return create(transaction);
        });
      },
      answer: async (created) => {
        const { id } = created;
        const { job, refusal } = await syncJob(dependencies, id, created);
        if (refusal !== undefined && (await removeNewJob(dependencies.db, id)))
          throw invalid([{ path: '', code: 'refused_by_temporal', message: refusal }]);
        return answerCreated(id, job, dependencies, NO_RUNS);
      },
      answerLate: async (id) => {
        const { job } = await syncJob(dependencies, id);
        return answerCreated(id, job, dependencies);
      },
    });
  },
});

/** Answers a request that has created a job, also if the job (undefined) has been deleted since. */
async function answerCreated(
  id: string,
  found: JobRow | undefined,
  dependencies: ApiDependencies,
  runs?: RunsOfJob,
): Promise<Answer> {
  const job = found ?? (await findJobOrTombstone(dependencies.db, id));
  if (!job) throw noSuchJob(id);
  const { headers, ...rest } = await answerJob(201, job, dependencies, runs);
  return { ...rest, headers: { Location: `/jobs/${id}`, ...headers } };
}

/** @throws SchedulerError `too_many_jobs` */
async function requireRoom(transaction: Database, namespace: string, limit: number): Promise<void> {
  if ((await countJobsLocked(transaction, namespace)) < limit) return;
  const message = `The namespace ${namespace} holds ${limit} jobs, the most that this installation allows; delete one first.`;
  throw new SchedulerError('too_many_jobs', message);
}

const JobPlace = z.strictObject({ id: z.uuid() });
const Time = Instant.transform((text) => new Date(text));
/** All pages show the list as of the time of the first page (`asOf`), so that a job that fires meanwhile keeps its place. */
const NextRunPlace = z.strictObject({ asOf: Time, nextRunAt: Time.nullable(), id: z.uuid() });

export const listJobs = operation({
  method: 'get',
  path: '/jobs',
  operationId: 'listJobs',
  summary: 'List jobs, newest first, or by their next run',
  tag: 'Jobs',
  access: 'jobs:read',
  query: z.strictObject({
    ...pageQuery,
    name: z
      .string()
      .max(200)
      .optional()
      .meta({ description: 'Only the job with this name, in any normal form of Unicode.' }),
    ...jobsQuery,
    state: JobState.optional().meta({ description: 'Only jobs in this state.' }),
    sync: SyncState.optional().meta({ description: 'Only jobs with this `sync.state`.' }),
    late: z.enum(['true', 'false']).optional().meta({
      description: '`true`: only jobs that are late by their `onLate`; `false`: only jobs that are not.',
    }),
    sort: z.enum(['nextRunAt']).optional().meta({
      description:
        '`nextRunAt` sorts by `status.nextRunAt`, earliest first; jobs without a next run come last. By default, the newest job comes first.',
    }),
  }),
  answers: {
    200: {
      description: 'One page of jobs.',
      schema: pageOf(Job, 'JobPage'),
      headers: { Link: 'The next page, if there is one.' },
    },
  },
  async handle({ query, namespace, url }, { readList, now, logger }) {
    const { limit, name, q: text, label: labels, state, sync, sort } = query;
    const late = query.late === undefined ? undefined : query.late === 'true';
    const filter = { namespace, name, text, labels, state, sync, late };
    const at = now();
    const list = sort === 'nextRunAt' ? byNextRun(query.cursor, logger) : newestFirst(query.cursor);
    const { rows, runsOf } = await readList(async (db) => {
      const listed = await list(db, filter, at, limit + 1);
      return {
        rows: listed,
        runsOf: await readRuns(
          db,
          listed.map(({ job }) => job),
        ),
      };
    });
    const page = toPage(
      rows,
      limit,
      url,
      ({ job }) => presentJob(job, runsOf(job), at),
      ({ place }) => place,
    );
    return { status: 200, ...page };
  },
});

/** Reads one page of jobs in one order, with the position of each job for the cursor. */
type ListInOrder = (
  db: Database,
  filter: JobFilter,
  at: Date,
  limit: number,
) => Promise<{ job: JobRow; place: unknown }[]>;

/** @throws SchedulerError `invalid` for the cursor of another order */
function newestFirst(cursor: string | undefined): ListInOrder {
  const after = decodeCursor(JobPlace, cursor);
  return async (db, filter, _, limit) => {
    const jobs = await listJobRows(db, filter, { afterId: after?.id, limit });
    return jobs.map((job) => ({ job, place: { id: job.id } }));
  };
}

/** @throws SchedulerError `invalid` for the cursor of another order */
function byNextRun(cursor: string | undefined, logger: Logger): ListInOrder {
  const after = decodeCursor(NextRunPlace, cursor);
  return async (db, filter, at, limit) => {
    const asOf = after && after.asOf < at ? after.asOf : at;
    const jobs = await listJobsByNextRun({ db, logger }, filter, asOf, { after, limit });
    return jobs.map(({ job, place }) => ({ job, place: { asOf, ...place } }));
  };
}

export const getJob = operation({
  method: 'get',
  path: '/jobs/{id}',
  operationId: 'getJob',
  summary: 'Get a job',
  tag: 'Jobs',
  access: 'jobs:read',
  params: JobIdParams,
  answers: { 200: { description: 'The job.', schema: Job, headers: JOB_HEADERS } },
  errors: ['not_found'],
  async handle({ params, namespace }, dependencies) {
    return answerJob(200, await requireJob(dependencies.db, namespace, params.id), dependencies);
  },
});
