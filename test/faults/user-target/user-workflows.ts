import { proxyActivities, sleep } from '@temporalio/workflow';
import type { UserCall } from './user-call.ts';

const { callTarget } = proxyActivities<{ callTarget: (call: UserCall) => Promise<number> }>({
  startToCloseTimeout: '30 seconds',
  heartbeatTimeout: '6 seconds',
});

/** The workflow of a user: it waits, and calls the target in an activity of its own. */
export async function callAsWorkflow(call: UserCall): Promise<number> {
  await sleep('300 ms');
  return callTarget(call);
}
