export { reconcile } from './reconcile.ts';
export { runBackfill } from './run-backfill.ts';
export { runJob, runHttpJob } from './run-job.ts';
