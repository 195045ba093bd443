import type { BenchJob, Contender } from './contender.ts';
import { CLIENTS, pause, type BenchContext } from './context.ts';
import { concurrently } from '../platform/concurrently.ts';

// A new Temporal Schedule counts from its first workflow task on: what is due before, it never starts. After a burst the
// worker that is to take up new ones may wait for up to a minute, with all of its pollers, for tasks of those that it
// knows (Go SDK, getNextPollRequest: as long as the last of them came with a backlog). The service makes up for what is
// lost so; raw Temporal does not. What is measured here is to begin when both are ready.

const BEATS = 5;
const BEAT_TIMEOUT_MS = 2_000;
/** A history that ends before the first workflow task has begun. */
const UNTOUCHED_EVENTS = 2;

/** Makes a job that never fires. Each look at its schedule is a task by which that worker learns that all is quiet. */
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

/** Waits until Temporal has taken up the schedules of these jobs, or it is `deadline`. Answers how many it has not. */
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
