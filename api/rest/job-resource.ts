import { z } from 'zod';
import type { Database } from '../../db/database.ts';
import { findJob } from '../../db/jobs/jobs.ts';
import { countScheduledRuns, listLastRuns } from '../../db/runs/runs.ts';
import type { JobRow } from '../../db/schema.ts';
import { SchedulerError } from '../../domain/errors.ts';
import type { Job } from '../../domain/job/job.ts';
import type { Writer } from '../../scheduling/jobs/store-job.ts';
import { syncJob } from '../../scheduling/schedules/sync.ts';
import { etagOf } from './if-match.ts';
import type { Answer, ApiDependencies, Input } from './operation.ts';
import { presentJob, type RunsOfJob } from './present.ts';

// What the routes of a job share.

/** What of a request says whose resources it is about. */
export type Asked = Pick<Input<unknown, unknown, unknown, unknown>, 'caller' | 'namespace' | 'origin'>;

/** Who changes a job by a request, and when. */
export const writerOf = (
  { caller, origin }: Pick<Asked, 'caller' | 'origin'>,
  { secrets, taskQueue }: ApiDependencies,
  now: Date,
): Writer => ({
  by: caller.name,
  origin,
  now,
  secrets,
  taskQueue,
});

/** The parameters of every path below a job. */
export const JobIdParams = z.strictObject({
  id: z
    .uuid({ error: 'is not the id of a job; ids are UUIDs' })
    .meta({ example: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f' }),
});

/** For the document: the headers of an answer that is a job. */
export const JOB_HEADERS = { ETag: 'Generation of the job; for If-Match.' };

/** The error for a job that there is not. */
export const noSuchJob = (id: string) =>
  new SchedulerError('not_found', `There is no job with the id ${id}.`);

/** @throws SchedulerError `not_found` */
export async function requireJob(db: Database, namespace: string, id: string): Promise<JobRow> {
  const job = await findJob(db, namespace, id);
  if (!job) throw noSuchJob(id);
  return job;
}

/** What is to be said of the runs of a job that was made this moment. */
export const NO_RUNS: RunsOfJob = { lastRun: undefined, scheduledRuns: 0 };

/** What is to be said of each job's runs. */
export async function readRuns(db: Database, jobs: JobRow[]): Promise<(job: JobRow) => RunsOfJob> {
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

/**
 * A job as it is answered by itself, with its ETag and its warnings, which lists have not. What is to be said of its runs is
 * read, unless it is given.
 */
export async function answerJob(
  status: number,
  job: JobRow,
  { db, now }: ApiDependencies,
  runs?: RunsOfJob,
): Promise<Answer & { headers: Record<string, string>; body: Job }> {
  const known = runs ?? (await readRuns(db, [job]))(job);
  return {
    status,
    headers: { ETag: etagOf(job) },
    body: presentJob(job, known, now(), { withWarnings: true }),
  };
}

/**
 * Brings a job that was just written to Temporal, and answers it as it then is.
 * @throws SchedulerError `not_found` if there was no job to write
 */
export async function answerWritten(
  id: string,
  written: { job: JobRow; changed: boolean } | undefined,
  dependencies: ApiDependencies,
): Promise<Answer> {
  if (!written) throw noSuchJob(id);
  const synced = written.changed ? await syncJob(dependencies, id, written.job) : undefined;
  // One that was deleted meanwhile is answered as it was written.
  const found = synced?.job ?? (await findJob(dependencies.db, written.job.namespace, id));
  const job = found && found.deleted_at === null ? found : written.job;
  return answerJob(200, job, dependencies);
}
