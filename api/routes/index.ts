import type { Operation } from '../rest/operation.ts';
import { createApiKey, getApiKey, listApiKeys, revokeApiKey } from './api-keys.ts';
import { getAccess } from './access.ts';
import { backfillJob } from './backfill.ts';
import { patchJob, deleteJob, replaceJob } from './change-job.ts';
import { live, ready } from './health.ts';
import { createJob, getJob, listJobs } from './jobs.ts';
import { pauseJob, resumeJob } from './pause.ts';
import { listRevisionsOfJob } from './revisions.ts';
import { runJob } from './run-job.ts';
import { listUpcoming, previewSchedule } from './schedules.ts';
import { cancelRun } from './cancel-run.ts';
import { retryRun } from './retry-run.ts';
import { getRun, listRuns, listRunsOfJob } from './runs.ts';
import { streamRuns } from './stream-runs.ts';

/** Every operation of the API. The router and the OpenAPI document are both made from this list. */
export const operations: Operation[] = [
  createJob,
  listJobs,
  getJob,
  replaceJob,
  patchJob,
  deleteJob,
  pauseJob,
  resumeJob,
  runJob,
  backfillJob,
  listRevisionsOfJob,
  listUpcoming,
  previewSchedule,
  listRunsOfJob,
  listRuns,
  // Before what would take its path for the id of a run.
  streamRuns,
  getRun,
  cancelRun,
  retryRun,
  createApiKey,
  listApiKeys,
  getApiKey,
  revokeApiKey,
  getAccess,
  live,
  ready,
];
