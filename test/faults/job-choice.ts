import type { Random } from '../support/random.ts';
import type { JobTraits, KeyLimits, Overlap, PlainSchedule, Script } from './log.ts';

/** The load of a run. */
export interface Load {
  /** The number of jobs at any time. */
  jobs: number;
  /** The mean time between two occurrences of a job, in seconds. */
  periodSeconds: number;
}

/** Below this period, the runs of a job that come one after another, or share limits, would fall behind for good. */
const SLOW_PERIOD_SECONDS = 8;
/** Jobs with one key. */
const SHARERS = 3;
/** An attempt that the target cannot be reached for must not make a run fail. */
const PATIENT = 50;

type Make = (number: number) => JobTraits;

const http = (overlap: Overlap, script: Script, more: Partial<JobTraits> = {}): JobTraits => ({
  ...{ target: 'http', overlap, script, maxAttempts: PATIENT },
  ...more,
});
const limited =
  (prefix: string, script: Script, limits: Omit<KeyLimits, 'key'>): Make =>
  (number) =>
    http('allowAll', script, { limits: { key: `${prefix}-${Math.floor(number / SHARERS)}`, ...limits } });

/** The kinds of jobs, with their counts in a deck. `number` counts the jobs of a kind. */
const KINDS: readonly { times: number; make: Make }[] = [
  { times: 8, make: () => http('allowAll', 'prompt') },
  { times: 4, make: () => http('bufferAll', 'prompt') },
  { times: 3, make: () => http('skip', 'prompt') },
  ...(['skip', 'bufferOne', 'bufferAll', 'cancelOther', 'terminateOther', 'allowAll'] as const).map(
    (overlap) => ({ times: 1, make: () => http(overlap, 'slow') }),
  ),
  { times: 3, make: limited('two', 'slow', { maxConcurrent: 2 }) },
  { times: 2, make: limited('one', 'prompt', { maxConcurrent: 1 }) },
  { times: 2, make: limited('rate', 'prompt', { rate: { max: 4, perMs: 4_000 } }) },
  { times: 1, make: limited('both', 'busy', { maxConcurrent: 2, rate: { max: 5, perMs: 5_000 } }) },
  {
    times: 3,
    make: (number) =>
      http(number % 2 === 0 ? 'bufferAll' : 'skip', 'spells', {
        hookAfter: 1 + (number % 3),
        maxAttempts: 1,
      }),
  },
  { times: 3, make: () => http('allowAll', 'busy') },
  { times: 2, make: () => http('allowAll', 'hanging', { timeoutMs: 4_000 }) },
  { times: 2, make: () => ({ ...http('allowAll', 'prompt'), target: 'workflow' }) },
  { times: 2, make: () => ({ ...http('allowAll', 'busy'), target: 'activity' }) },
];

/** Draws the kinds of jobs like cards, so that even a short run has each of them. */
export function createTraitsDeck(random: Random): () => JobTraits {
  const made = KINDS.map(() => 0);
  let deck: number[] = [];
  return () => {
    if (deck.length === 0) deck = KINDS.flatMap(({ times }, index) => Array<number>(times).fill(index));
    const [index] = deck.splice(random.integer(0, deck.length - 1), 1) as [number];
    const number = made[index] ?? 0;
    made[index] = number + 1;
    return (KINDS[index] as (typeof KINDS)[number]).make(number);
  };
}

/** Chooses a random schedule for a job; with `canEnd`, also one that ends by itself. */
export function chooseSchedule(
  random: Random,
  { periodSeconds }: Load,
  { limits, script, overlap }: JobTraits,
  canEnd: boolean,
): PlainSchedule {
  const waits = limits !== undefined || (script === 'slow' && overlap === 'bufferAll');
  const chosen = Math.max(2, Math.round(periodSeconds * (0.5 + 1.5 * random.next())));
  const kind = random.next();
  // Some occurrences of the others have to come sooner than a call takes, so that runs overlap.
  const overlaps = script === 'slow' && overlap !== 'allowAll';
  const seconds = waits ? Math.max(SLOW_PERIOD_SECONDS, chosen) : overlaps ? random.integer(2, 5) : chosen;
  const begin = Math.ceil(Date.now() / 1_000) + 3;
  if (canEnd && kind < 0.12) {
    const at = new Set(
      Array.from({ length: random.integer(3, 9) }, () => begin + random.integer(0, 8 * seconds)),
    );
    return { kind: 'at', instants: [...at].sort((a, b) => a - b).map((second) => second * 1_000) };
  }
  const more: { startAt?: number; excludedSeconds?: [number, number]; maxRuns?: number } = {};
  if (random.chance(0.1)) more.startAt = (begin + random.integer(0, 15)) * 1_000;
  if (random.chance(0.12)) {
    const from = random.integer(0, 44);
    more.excludedSeconds = [from, from + random.integer(5, 15)];
  }
  if (canEnd && kind > 0.92) more.maxRuns = random.integer(4, 15);
  if (kind < 0.4) {
    const zone = random.chance(0.25) ? random.pick(['UTC', 'Asia/Kathmandu'] as const) : undefined;
    return {
      ...{ kind: 'cron', step: Math.min(seconds, 30) },
      ...(zone === undefined ? {} : { evenMinutesIn: zone }),
      ...more,
    };
  }
  return { kind: 'every', seconds, offset: random.integer(0, seconds - 1), ...more };
}

/** The same schedule with more runs for a job that ends after some. */
export function withMoreRuns(random: Random, schedule: PlainSchedule): PlainSchedule {
  return { ...schedule, maxRuns: (schedule.maxRuns ?? 0) + random.integer(1, 6) };
}
