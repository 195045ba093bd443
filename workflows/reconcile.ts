import { proxyActivities } from '@temporalio/workflow';
import type { ReconcilerActivities } from '../activities/index.ts';

const { reconcileJobs } = proxyActivities<ReconcilerActivities>({
  startToCloseTimeout: '3 minutes',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 1 },
});

/**
 * Runs the reconciler for about a minute. Its Temporal Schedule starts the next one as soon as this one
 * has ended.
 */
export async function reconcile(): Promise<Record<string, number>> {
  return await reconcileJobs();
}
