import type { BenchJob, Contender } from './contender.ts';
import { CLIENTS, pause, type BenchContext } from './context.ts';
import { concurrently } from '../platform/concurrently.ts';

// A new Temporal Schedule is effective from its first workflow task on: it never starts what is due earlier. After a burst,
// all pollers of Temporal's internal worker may wait up to a minute for tasks of workflows that it knows (Go SDK,
// getNextPollRequest: as long as the last task came with a backlog). The service starts missed occurrences itself; raw
// Temporal does not. Measurements start when both are ready.

const BEATS = 5;
const BEAT_TIMEOUT_MS = 2_000;
/** The length of a history before its first workflow task. */
const UNTOUCHED_EVENTS = 2;

/** Creates a job that never fires. Each description of its schedule is a task that ends the backlog for that worker. */
export async function startPulse(contender: Contender): Promise<() => Promise<void>> {
  const job = {
    name: `pulse-${contender.name}-${Date.now()}`,
    url: 'http://127.0.0.1/',
    when: { at: new Date('2090-01-01') },
  };
  await contender.create(job);
  const handle = contender.temporal.schedule.getHandle(contender.scheduleIdOf(job));
  return async () => {
    for (let beat = 1; beat <= BEATS; beat++)
      await contender.temporal
        .withDeadline(Date.now() + BEAT_TIMEOUT_MS, () => handle.describe())
        .catch(() => undefined);
  };
}

/** Waits until the schedules of these jobs are effective, or until `deadline`. Returns how many are not. */
export async function awaitTakenUp(
  context: Pick<BenchContext, 'signal'>,
  { temporal, scheduleIdOf }: Contender,
  jobs: BenchJob[],
  deadline: number,
): Promise<number> {
  let left = jobs;
  for (;;) {
    const untouched: BenchJob[] = [];
    await concurrently(left, CLIENTS, async (job) => {
      const workflow = temporal.workflow.getHandle(`temporal-sys-scheduler:${scheduleIdOf(job)}`);
      if ((await workflow.describe()).historyLength <= UNTOUCHED_EVENTS) untouched.push(job);
    });
    left = untouched;
    if (left.length === 0 || Date.now() + 1_000 > deadline) return left.length;
    await pause(context, 500);
  }
}
