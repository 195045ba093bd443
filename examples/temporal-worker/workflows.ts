import { proxyActivities, sleep } from '@temporalio/workflow';
import type * as activities from './activities.ts';

const { makeReport, sendReport } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '10 seconds',
});

/** A workflow that a job starts: each occurrence of the job is one execution of it. */
export async function weeklyReport(input: activities.Report): Promise<string> {
  const made = await makeReport(input);
  // A workflow may wait for as long as it likes, and survives the death of its worker meanwhile.
  await sleep('500 ms');
  await sendReport(input);
  return made;
}
