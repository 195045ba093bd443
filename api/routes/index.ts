import type { Operation } from '../operation.ts';
import { livez, readyz } from './health.ts';
import { createJob, getJob, getJobs, removeJob, runJobNow } from './jobs.ts';
import { pauseJobRoute, resumeJobRoute } from './pause.ts';
import { getUpcoming, previewSchedule } from './schedules.ts';
import { getRun, getRunsOfJob } from './runs.ts';

/** Every operation of the API. The router and the OpenAPI document are both made from this list. */
export const operations: Operation[] = [
  createJob,
  getJobs,
  getJob,
  removeJob,
  pauseJobRoute,
  resumeJobRoute,
  runJobNow,
  getUpcoming,
  previewSchedule,
  getRunsOfJob,
  getRun,
  livez,
  readyz,
];
