import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom, type Random } from '../support/random.ts';
import {
  changeJob,
  createJob,
  deleteJob,
  labelJob,
  runJob,
  setPaused,
  type BenchJob,
  type OperationContext,
} from './job-operations.ts';

/** Clients that create, change and delete jobs until they are stopped. */
export interface Clients {
  /** Resolves when each client has finished its current operation. */
  stop: () => Promise<void>;
  /** Pauses all jobs, so that nothing more is due. */
  pauseAll: () => Promise<void>;
}

const CLIENTS = 4;
const MAX_PAUSE_MS = 2_500;

/** Reserves a job that no other client is changing, runs `work` with it, and releases it. */
export async function withFreeJob(
  jobs: readonly BenchJob[],
  random: Random,
  wanted: (job: BenchJob) => boolean,
  act: (job: BenchJob) => Promise<void>,
): Promise<boolean> {
  const free = jobs.filter((job) => !job.busy && !job.gone && wanted(job));
  if (free.length === 0) return false;
  const job = random.pick(free);
  job.busy = true;
  try {
    await act(job);
  } finally {
    job.busy = false;
  }
  return true;
}

/** Schedules with instants end by themselves, and are not changed. */
export const hasNoEnd = ({ schedule }: BenchJob) => schedule.kind !== 'at';

/** Starts the clients. Each has its own seed. */
export function startClients(shared: Omit<OperationContext, 'random'>, seed: number): Clients {
  const { jobs, load, features } = shared;
  let stopping = false;

  const step = async (context: OperationContext) => {
    const { random } = context;
    const alive = jobs.filter((job) => !job.gone && (hasNoEnd(job) || !isOver(job)));
    if (alive.length < load.jobs) return void (await createJob(context));
    const choice = random.next();
    const take = (wanted: (job: BenchJob) => boolean, act: (job: BenchJob) => Promise<void>) =>
      withFreeJob(jobs, random, wanted, act);
    if (choice < 0.3) {
      const paused = jobs.some((job) => job.paused && !job.gone) && random.chance(0.6);
      await take(
        (job) => hasNoEnd(job) && job.paused === paused,
        (job) => setPaused(context, job, !paused),
      );
    } else if (choice < 0.5) {
      await take(
        () => true,
        (job) => runJob(context, job),
      );
    } else if (choice < 0.7) {
      if (features.put || features.patch) await take(hasNoEnd, (job) => changeJob(context, job));
    } else if (choice < 0.85) {
      if (!features.patch) return;
      const present = jobs.filter((job) => !job.gone);
      if (present.length > 0) await labelJob(context, random.pick(present));
    } else if (choice < 0.95) {
      await take(
        (job) => hasNoEnd(job) || isOver(job) || random.chance(0.2),
        (job) => deleteJob(context, job),
      );
    }
  };

  const running = Array.from({ length: CLIENTS }, async (_, index) => {
    const context: OperationContext = { ...shared, random: createRandom(seed + index) };
    while (!stopping) {
      await step(context);
      await sleep(context.random.integer(200, MAX_PAUSE_MS));
    }
  });
  return {
    stop: async () => {
      stopping = true;
      await Promise.all(running);
    },
    pauseAll: async () => {
      const context: OperationContext = { ...shared, random: createRandom(seed + CLIENTS) };
      const left = jobs.filter((job) => !job.gone && !job.paused);
      const work = Array.from({ length: CLIENTS }, async () => {
        for (let job = left.pop(); job; job = left.pop()) await setPaused(context, job, true);
      });
      await Promise.all(work);
    },
  };
}

const isOver = ({ schedule }: BenchJob) =>
  schedule.kind === 'at' && Math.max(...schedule.instants) < Date.now();
