import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom, type Random } from '../support/random.ts';
import { passEndOfPause } from './end-of-pause.ts';
import {
  changeJob,
  createJob,
  deleteJob,
  labelJob,
  setPaused,
  type BenchJob,
  type OperationContext,
} from './job-operations.ts';
import { backfillJob, cancelRun, retryRun, runJob } from './run-operations.ts';

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

/** Schedules with instants or `maxRuns` end by themselves: such jobs are not paused. */
export const hasNoEnd = ({ schedule }: BenchJob) => schedule.kind !== 'at' && schedule.maxRuns === undefined;
const isChangeable = ({ schedule }: BenchJob) => schedule.kind !== 'at';
const any = () => true;

/** What the clients do, and how often. */
const STEPS: readonly {
  share: number;
  wanted: (job: BenchJob) => boolean;
  act: (context: OperationContext, job: BenchJob) => Promise<void>;
}[] = [
  {
    share: 0.08,
    wanted: (job) => hasNoEnd(job) && !job.paused,
    act: (context, job) => setPaused(context, job, true),
  },
  {
    share: 0.1,
    wanted: (job) => hasNoEnd(job) && job.paused,
    act: (context, job) => setPaused(context, job, false),
  },
  { share: 0.1, wanted: (job) => hasNoEnd(job) && !job.paused, act: passEndOfPause },
  { share: 0.16, wanted: any, act: runJob },
  { share: 0.14, wanted: isChangeable, act: changeJob },
  { share: 0.08, wanted: any, act: cancelRun },
  { share: 0.06, wanted: any, act: retryRun },
  { share: 0.04, wanted: isChangeable, act: backfillJob },
  { share: 0.09, wanted: any, act: deleteJob },
];
const LABEL_SHARE = 0.1;

/** Starts the clients. Each has its own seed. */
export function startClients(shared: Omit<OperationContext, 'random'>, seed: number): Clients {
  const { jobs, load } = shared;
  let stopping = false;

  const step = async (context: OperationContext) => {
    const { random } = context;
    const alive = jobs.filter((job) => !job.gone && (job.schedule.kind !== 'at' || !isOver(job)));
    if (alive.length < load.jobs) return void (await createJob(context));
    let choice = random.next();
    for (const { share, wanted, act } of STEPS) {
      choice -= share;
      if (choice < 0) return void (await withFreeJob(jobs, random, wanted, (job) => act(context, job)));
    }
    if (choice < LABEL_SHARE) await labelJob(context, random.pick(alive));
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
