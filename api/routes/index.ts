import type { Operation } from '../rest/operation.ts';
import { createApiKeyRoute, getApiKey, getApiKeys, revokeApiKeyRoute } from './api-keys.ts';
import { getAccess } from './access.ts';
import { backfillJob } from './backfill.ts';
import { patchJob, removeJob, replaceJob } from './change-job.ts';
import { livez, readyz } from './health.ts';
import { createJob, getJob, getJobs } from './jobs.ts';
import { pauseJobRoute, resumeJobRoute } from './pause.ts';
import { getRevisionsOfJob } from './revisions.ts';
import { runJobNow } from './run-job.ts';
import { getUpcoming, previewSchedule } from './schedules.ts';
import { cancelRunRoute } from './cancel-run.ts';
import { retryRun } from './retry-run.ts';
import { getRun, getRuns, getRunsOfJob } from './runs.ts';
import { streamRuns } from './stream-runs.ts';

/** Every operation of the API. The router and the OpenAPI document are both made from this list. */
export const operations: Operation[] = [
  createJob,
  getJobs,
  getJob,
  replaceJob,
  patchJob,
  removeJob,
  pauseJobRoute,
  resumeJobRoute,
  runJobNow,
  backfillJob,
  getRevisionsOfJob,
  getUpcoming,
  previewSchedule,
  getRunsOfJob,
  getRuns,
  // Before what would take its path for the id of a run.
  streamRuns,
  getRun,
  cancelRunRoute,
  retryRun,
  createApiKeyRoute,
  getApiKeys,
  getApiKey,
  revokeApiKeyRoute,
  getAccess,
  livez,
  readyz,
];
