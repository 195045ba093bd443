export { reconcile } from './reconcile.ts';
export { runBackfill } from './run-backfill.ts';
export { runJob } from './run-job.ts';
