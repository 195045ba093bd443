import { setTimeout as sleep } from 'node:timers/promises';
import { changeJob, deleteJob, setPaused, type BenchJob, type OperationContext } from './job-operations.ts';

/** What a client does next to the end of a pause. */
const NEXT: ((context: OperationContext, job: BenchJob) => Promise<void>)[] = [
  (context, job) => setPaused(context, job, false),
  (context, job) => setPaused(context, job, true),
  (context, job) => setPaused(context, job, true, Date.now() + context.random.integer(2_000, 6_000)),
  changeJob,
  changeJob,
  async () => undefined,
  async () => undefined,
  deleteJob,
];

/**
 * Pauses a job for a few seconds, and does something else with it within a second or two of the end of the pause. Sometimes
 * its new pause ends by itself, too.
 */
export async function passEndOfPause(context: OperationContext, job: BenchJob): Promise<void> {
  const { random } = context;
  const until = Date.now() + random.integer(2_000, 8_000);
  await setPaused(context, job, true, until);
  await sleep(Math.max(0, until + random.integer(-1_000, 2_500) - Date.now()));
  if (job.gone) return;
  await random.pick(NEXT)(context, job);
  // It is paused no longer, or only for a moment.
  if (job.pausedUntil !== null) job.paused = false;
}
