import type { Random } from '../support/random.ts';
import type { Overlap, PlainSchedule } from './log.ts';

/** The load of a run. */
export interface Load {
  /** The number of jobs at any time. */
  jobs: number;
  /** The mean time between two occurrences of a job, in seconds. */
  periodSeconds: number;
}

/** Chooses a random schedule; without `instants`, one that does not end. */
export function chooseSchedule(random: Random, { periodSeconds }: Load, instants: boolean): PlainSchedule {
  const seconds = Math.max(2, Math.round(periodSeconds * (0.5 + 1.5 * random.next())));
  const kind = random.next();
  if (instants && kind < 0.12) {
    const begin = Math.ceil(Date.now() / 1_000) + 3;
    const at = new Set(
      Array.from({ length: random.integer(3, 9) }, () => begin + random.integer(0, 8 * seconds)),
    );
    return { kind: 'at', instants: [...at].sort((a, b) => a - b).map((second) => second * 1_000) };
  }
  if (kind < 0.4) return { kind: 'cron', step: Math.min(seconds, 30) };
  return { kind: 'every', seconds, offset: random.integer(0, seconds - 1) };
}

/** Chooses an overlap policy: mostly one that runs every occurrence. */
export function chooseOverlap(random: Random): Overlap {
  const chosen = random.next();
  return chosen < 0.55 ? 'allowAll' : chosen < 0.85 ? 'bufferAll' : 'skip';
}

/** A schedule in the form of a request. */
export function toApiSchedule(schedule: PlainSchedule): Record<string, unknown> {
  switch (schedule.kind) {
    case 'every':
      return { every: `${schedule.seconds}s`, offset: `${schedule.offset}s` };
    case 'cron':
      return { cron: `*/${schedule.step} * * * * *` };
    case 'at':
      return { at: schedule.instants.map((instant) => new Date(instant).toISOString()) };
  }
}

/** A schedule from an answer of the API; null if it is of another kind than those of the bench. */
export function fromApiSchedule(schedule: Record<string, unknown>): PlainSchedule | null {
  const { every, offset, cron, at } = schedule as Partial<Record<string, string | string[]>>;
  if (typeof every === 'string')
    return { kind: 'every', seconds: toSeconds(every), offset: toSeconds(String(offset ?? '0s')) };
  const [expression] = [cron].flat();
  const step = /^\*\/(\d+) \* \* \* \* \*$/.exec(expression ?? '')?.[1];
  if (step !== undefined) return { kind: 'cron', step: Number(step) };
  if (at !== undefined) return { kind: 'at', instants: [at].flat().map((instant) => Date.parse(instant)) };
  return null;
}

const UNIT_SECONDS: Record<string, number> = { h: 3_600, m: 60, s: 1 };

function toSeconds(duration: string): number {
  return [...duration.matchAll(/(\d+)(h|m|s)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNIT_SECONDS[unit ?? ''] ?? NaN),
    0,
  );
}
