import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type * as activities from './activity.ts';

const { callTarget } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' });

/** The workflow with which the service is compared: one activity, recorded only in Temporal. */
export async function callWorkflow(url: string): Promise<void> {
  const [scheduledAt] = workflowInfo().searchAttributes['TemporalScheduledStartTime'] as Date[];
  await callTarget(url, scheduledAt!.toISOString());
}
