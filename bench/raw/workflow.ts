import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type * as activities from './activity.ts';

const { callTarget } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' });

/** What the service is compared with: one activity, and nothing recorded anywhere but in Temporal. */
export async function callWorkflow(url: string): Promise<void> {
  const [scheduledAt] = workflowInfo().searchAttributes['TemporalScheduledStartTime'] as Date[];
  await callTarget(url, scheduledAt!.toISOString());
}
