import { cancelUnstarted, requestCancel } from '../../db/runs/cancellation.ts';
import type { RunRow } from '../../db/schema.ts';
import type { Source } from '../../domain/job/audit.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { SyncDependencies } from '../schedules/sync.ts';
import { cancelWorkflow } from './run-workflow.ts';

/** The reconciler checks after this time that the run has ended. */
const CHECK_AFTER_MS = 2 * SECOND_MS;

/**
 * Ends a run: at once if it has not started, else by asking Temporal, which aborts the in-flight call. If
 * Temporal cannot be reached, the reconciler asks it later, and no further attempt begins meanwhile. Returns
 * the run as it then is; undefined if there is none, or if it has ended.
 */
export async function requestCancellation(
  dependencies: SyncDependencies,
  namespace: string,
  runId: string,
  { now, source }: { now: Date; source: Source },
): Promise<RunRow | undefined> {
  const { db, temporal, breaker, logger } = dependencies;
  const checkAt = new Date(now.getTime() + CHECK_AFTER_MS);
  const run =
    (await cancelUnstarted(db, namespace, runId, { now, source })) ??
    (await requestCancel(db, namespace, runId, { now, source, checkAt }));
  if (!run) return undefined;
  try {
    await breaker.attempt(() => cancelWorkflow(temporal, run));
  } catch (error) {
    logger.warn({ err: error, jobId: run.job_id, runId }, 'could not ask Temporal to cancel a run yet');
  }
  return run;
}
