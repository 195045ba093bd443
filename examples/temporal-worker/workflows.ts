import { proxyActivities, sleep } from '@temporalio/workflow';
import type * as activities from './activities.ts';

const { makeReport, sendReport } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '10 seconds',
});

/** A workflow that a job executes at each of its occurrences. */
export async function weeklyReport(input: activities.Report): Promise<string> {
  const made = await makeReport(input);
  // A workflow can wait for any time, and survives the death of its worker meanwhile.
  await sleep('500 ms');
  await sendReport(input);
  return made;
}
