import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { findJob, listJobs } from '../../db/jobs.ts';
import type { Database } from '../../db/database.ts';
import { countScheduledRuns, listLastRuns } from '../../db/runs.ts';
import type { JobRow } from '../../db/schema.ts';
import { invalid, SchedulerError } from '../../domain/errors.ts';
import { Job, JobInput, JobName, JobState } from '../../domain/job.ts';
import { findNeverFiring } from '../../domain/never-firing.ts';
import { insertManualRun, tryStartRun } from '../../scheduling/start-run.ts';
import { syncJob } from '../../scheduling/sync.ts';
import { createJob as createJobRow, writeJob } from '../../scheduling/write-job.ts';
import { Run } from '../../domain/run.ts';
import { operation, type ApiDependencies } from '../operation.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../page.ts';
import { presentJob, presentRun, type RunsOfJob } from '../present.ts';

/** Until callers have keys that say otherwise, all jobs live in one namespace. */
export const NAMESPACE = 'default';

/** Until callers have names. */
export const CALLER = 'api';

export const JobIdParams = z.strictObject({
  id: z
    .uuid({ error: 'is not the id of a job; ids are UUIDs' })
    .meta({ example: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f' }),
});

export const etagOf = (job: JobRow) => `"${job.generation}"`;

/** @throws SchedulerError `not_found` */
export async function requireJob({ db }: ApiDependencies, id: string): Promise<JobRow> {
  const job = await findJob(db, NAMESPACE, id);
  if (!job) throw new SchedulerError('not_found', `There is no job with the id ${id}.`);
  return job;
}

/** What is to be said of each job's runs. */
async function readRuns(db: Database, jobs: JobRow[]): Promise<(job: JobRow) => RunsOfJob> {
  const [lastRuns, counts] = await Promise.all([
    listLastRuns(
      db,
      jobs.map(({ id }) => id),
    ),
    countScheduledRuns(
      db,
      jobs.filter(({ schedule }) => schedule.maxRuns !== undefined).map(({ id }) => id),
    ),
  ]);
  return ({ id }) => ({ lastRun: lastRuns.get(id), scheduledRuns: counts.get(id) ?? 0 });
}

/** A job as it is answered by itself. */
export async function answerJob(job: JobRow, { db, now }: ApiDependencies) {
  const runsOf = await readRuns(db, [job]);
  return presentJob(job, runsOf(job), now());
}

export const createJob = operation({
  method: 'post',
  path: '/jobs',
  operationId: 'createJob',
  summary: 'Create a job',
  description:
    'Stores the job and makes its Temporal Schedule. If Temporal can not be reached at the moment, the job is stored all the same, with `sync.state: "pending"`, and scheduled as soon as it can be.',
  tag: 'Jobs',
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
      headers: { Location: 'Path of the job.', ETag: 'Generation of the job.' },
    },
  },
  errors: ['name_taken'],
  async handle({ body }, dependencies) {
    const now = dependencies.now();
    const faults = findNeverFiring(body.schedule, now.getTime());
    if (faults.length > 0) throw invalid(faults);
    const place = { id: uuidv7(), namespace: NAMESPACE };
    const inserted = await dependencies.db
      .transaction()
      .execute((transaction) =>
        createJobRow(transaction, { ...place, definition: body }, { by: CALLER, now }),
      );
    await syncJob(dependencies, inserted.id);
    const job = (await findJob(dependencies.db, NAMESPACE, inserted.id)) ?? inserted;
    return {
      status: 201,
      headers: { Location: `/jobs/${job.id}`, ETag: etagOf(job) },
      body: await answerJob(job, dependencies),
    };
  },
});

const JobPlace = z.strictObject({ id: z.uuid() });

export const getJobs = operation({
  method: 'get',
  path: '/jobs',
  operationId: 'listJobs',
  summary: 'List jobs, newest first',
  tag: 'Jobs',
  query: z.strictObject({
    ...pageQuery,
    name: JobName.optional().meta({ description: 'Only the job of this name.' }),
    state: JobState.optional().meta({ description: 'Only jobs in this state.' }),
  }),
  answers: {
    200: {
      description: 'One page of jobs.',
      schema: pageOf(Job, 'JobPage'),
      headers: { Link: 'The next page, if there is one.' },
    },
  },
  async handle({ query, url }, { db, now }) {
    const { limit, name, state } = query;
    const place = decodeCursor(JobPlace, query.cursor);
    const rows = await listJobs(db, {
      namespace: NAMESPACE,
      name,
      state,
      afterId: place?.id,
      limit: limit + 1,
    });
    const runsOf = await readRuns(db, rows);
    const at = now();
    const page = toPage(
      rows,
      limit,
      url,
      (job) => presentJob(job, runsOf(job), at),
      ({ id }) => ({ id }),
    );
    return { status: 200, ...page };
  },
});

export const getJob = operation({
  method: 'get',
  path: '/jobs/{id}',
  operationId: 'getJob',
  summary: 'Read a job',
  tag: 'Jobs',
  params: JobIdParams,
  answers: { 200: { description: 'The job.', schema: Job, headers: { ETag: 'Generation of the job.' } } },
  errors: ['not_found'],
  async handle({ params }, dependencies) {
    const job = await requireJob(dependencies, params.id);
    return { status: 200, headers: { ETag: etagOf(job) }, body: await answerJob(job, dependencies) };
  },
});

export const removeJob = operation({
  method: 'delete',
  path: '/jobs/{id}',
  operationId: 'deleteJob',
  summary: 'Delete a job',
  description:
    'From now on no run of it starts. Its runs stay readable under `/runs/{id}`, and its name is free again.',
  tag: 'Jobs',
  params: JobIdParams,
  answers: { 204: { description: 'The job is deleted.' } },
  errors: ['not_found'],
  async handle({ params }, dependencies) {
    const writer = { by: CALLER, now: dependencies.now() };
    const place = { id: params.id, namespace: NAMESPACE };
    const tombstone = await writeJob(dependencies.db, place, writer, () => ({
      action: 'deleted',
      isDeleted: true,
    }));
    if (!tombstone) throw new SchedulerError('not_found', `There is no job with the id ${params.id}.`);
    await syncJob(dependencies, tombstone.job.id);
    return { status: 204 };
  },
});

export const runJobNow = operation({
  method: 'post',
  path: '/jobs/{id}/run',
  operationId: 'runJob',
  summary: 'Run a job now',
  description:
    'Starts a run beside the schedule. Every call is a run of its own. If Temporal can not be reached at the moment, the run starts as soon as it can be.',
  tag: 'Jobs',
  params: JobIdParams,
  answers: {
    202: { description: 'The run, queued.', schema: Run, headers: { Location: 'Path of the run.' } },
  },
  errors: ['not_found'],
  async handle({ params }, dependencies) {
    const job = await requireJob(dependencies, params.id);
    const queued = await insertManualRun(dependencies.db, job, dependencies.now());
    const run = await tryStartRun(dependencies, job, queued);
    const { temporalUiUrl: uiUrl, temporal } = dependencies;
    return {
      status: 202,
      headers: { Location: `/runs/${run.id}` },
      body: presentRun(run, { uiUrl, namespace: temporal.options.namespace }),
    };
  },
});
