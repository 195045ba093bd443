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

// Shared by the routes of jobs.

/** The parts of a request that every change of a job needs. */
export type JobRequest = Pick<
  Input<unknown, unknown, unknown, unknown>,
  'caller' | 'namespace' | 'origin' | 'source'
>;

/** The writer of a change that a request makes. */
export const writerOf = (
  { caller, origin, source }: Pick<JobRequest, 'caller' | 'origin' | 'source'>,
  { secrets, taskQueue }: ApiDependencies,
  now: Date,
): Writer => ({
  by: caller.name,
  origin,
  source,
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

/** The response headers of a job, for the OpenAPI document. */
export const JOB_HEADERS = { ETag: 'Generation of the job, for `If-Match`.' };

/** The error for a job that does not exist. */
export const noSuchJob = (id: string) =>
  new SchedulerError('not_found', `There is no job with the id ${id}.`);

/** @throws SchedulerError `not_found` */
export async function requireJob(db: Database, namespace: string, id: string): Promise<JobRow> {
  const job = await findJob(db, namespace, id);
  if (!job) throw noSuchJob(id);
  return job;
}

/** The runs of a new job. */
export const NO_RUNS: RunsOfJob = { lastRun: undefined, scheduledRuns: 0 };

/** Reads what jobs show of their runs, for many jobs at once. */
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

/** Answers a single job, with its ETag and its warnings. Reads what it shows of its runs, unless `runs` is given. */
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
 * Syncs a job that was just written to Temporal, and answers it as it is afterwards.
 * @throws SchedulerError `not_found` if `written` is undefined, because the job does not exist
 */
export async function answerWritten(
  id: string,
  written: { job: JobRow; changed: boolean } | undefined,
  dependencies: ApiDependencies,
): Promise<Answer> {
  if (!written) throw noSuchJob(id);
  const synced = written.changed ? await syncJob(dependencies, id, written.job) : undefined;
  // If it was deleted meanwhile, the answer is the job as it was written.
  const found = synced?.job ?? (await findJob(dependencies.db, written.job.namespace, id));
  const job = found && found.deleted_at === null ? found : written.job;
  return answerJob(200, job, dependencies);
}
