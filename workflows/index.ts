export { reconcile } from './reconcile.ts';
export { runBackfill } from './run-backfill.ts';
export { runJob, runShortJob } from './run-job.ts';
