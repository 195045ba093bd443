import type { PlainSchedule, Zone } from './log.ts';

// Schedules of the bench in the form of the API, both ways.

/** A schedule in the form of a request. */
export function toApiSchedule(schedule: PlainSchedule): Record<string, unknown> {
  const { startAt, excludedSeconds, maxRuns } = schedule;
  return {
    ...whenOf(schedule),
    ...(startAt === undefined ? {} : { startAt: new Date(startAt).toISOString() }),
    ...(excludedSeconds ? { exclude: [{ cron: `${excludedSeconds.join('-')} * * * * *` }] } : {}),
    ...(maxRuns === undefined ? {} : { maxRuns }),
  };
}

function whenOf(schedule: PlainSchedule): Record<string, unknown> {
  switch (schedule.kind) {
    case 'every':
      return { every: `${schedule.seconds}s`, offset: `${schedule.offset}s` };
    case 'cron':
      return schedule.evenMinutesIn === undefined
        ? { cron: `*/${schedule.step} * * * * *` }
        : { cron: `*/${schedule.step} */2 * * * *`, timeZone: schedule.evenMinutesIn };
    case 'at':
      return { at: schedule.instants.map((instant) => new Date(instant).toISOString()) };
  }
}

interface ApiSchedule {
  every?: string;
  offset?: string;
  cron?: string | string[];
  at?: string | string[];
  timeZone?: Zone;
  startAt?: string;
  exclude?: { cron?: string }[];
  maxRuns?: number;
}

/** A schedule from an answer of the API; null if it is of another kind than those of the bench. */
export function fromApiSchedule(schedule: ApiSchedule): PlainSchedule | null {
  const when = readWhen(schedule);
  if (when === null) return null;
  const { startAt, exclude, maxRuns } = schedule;
  const [, from, to] = /^(\d+)-(\d+) /.exec(exclude?.[0]?.cron ?? '') ?? [];
  return {
    ...when,
    ...(startAt === undefined ? {} : { startAt: Date.parse(startAt) }),
    ...(from === undefined ? {} : { excludedSeconds: [Number(from), Number(to)] }),
    ...(maxRuns === undefined ? {} : { maxRuns }),
  };
}

function readWhen({ every, offset, cron, at, timeZone }: ApiSchedule): PlainSchedule | null {
  if (every !== undefined)
    return { kind: 'every', seconds: toSeconds(every), offset: toSeconds(offset ?? '0s') };
  const [expression] = [cron].flat();
  const [, step, minutes] = /^\*\/(\d+) (\*|\*\/2) \* \* \* \*$/.exec(expression ?? '') ?? [];
  if (step !== undefined)
    return {
      ...{ kind: 'cron', step: Number(step) },
      ...(minutes === '*' ? {} : { evenMinutesIn: timeZone ?? 'UTC' }),
    };
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
