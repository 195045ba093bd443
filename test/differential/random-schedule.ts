import { clockChanges } from '../../domain/schedule/time-zone.ts';
import type { Random } from '../support/random.ts';

/** Zones with special rules: half hours, Ramadan, a skipped day, a negative summer time, no summer time. */
const ZONES = [
  'America/New_York',
  'Europe/Dublin',
  'Australia/Lord_Howe',
  'Africa/Casablanca',
  'Asia/Kathmandu',
  'America/St_Johns',
  'Pacific/Apia',
  'UTC',
  // Zones that change at midnight.
  'America/Havana',
  'Asia/Beirut',
  'America/Santiago',
  // Names in unusual case, and old names.
  'europe/berlin',
  'Europe/Kiev',
  'us/pacific',
];

const MONTHS = ['JAN', 'feb', 'Mar', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'mon', 'Tue', 'WED', 'THU', 'FRI', 'SAT'];

/** A list, range, step or single value of a cron field. */
function cronField(random: Random, min: number, max: number, wildcard: number): string {
  if (random.chance(wildcard))
    return random.chance(0.6) ? '*' : `*/${random.integer(1, Math.max(1, max - 1))}`;
  const entry = () => {
    const from = random.integer(min, max);
    const kind = random.integer(0, 5);
    if (kind === 0) return `${from}-${random.integer(min, max)}`;
    if (kind === 1) return `${from}/${random.integer(1, Math.max(1, max - 1))}`;
    if (kind === 2) return `${from}-${random.integer(from, max)}/${random.integer(1, 5)}`;
    return String(from);
  };
  return Array.from({ length: random.pick([1, 1, 1, 2, 3]) }, entry).join(',');
}

function dayOfMonthField(random: Random): string {
  const kind = random.integer(0, 9);
  if (kind === 0) return 'L';
  if (kind === 1) return `L-${random.integer(1, 5)}`;
  if (kind === 2) return 'LW';
  if (kind === 3) return `${random.integer(1, 31)}W`;
  if (kind === 4) return '?';
  return cronField(random, 1, 31, 0.6);
}

function dayOfWeekField(random: Random): string {
  const kind = random.integer(0, 9);
  if (kind === 0) return `${random.integer(0, 7)}L`;
  if (kind === 1) return `${random.pick(DAYS)}#${random.integer(1, 5)}`;
  if (kind === 2) return `${random.pick(DAYS)}-${random.pick(DAYS)}`;
  if (kind === 3) return '?';
  return cronField(random, 0, 7, 0.6);
}

function randomCron(random: Random): string {
  const seconds = random.chance(0.15) ? `${cronField(random, 0, 59, 0.2)} ` : '';
  const minute = cronField(random, 0, 59, 0.3);
  // Half of the hours are those in which clocks change.
  const hour = random.chance(0.5) ? cronField(random, 0, 3, 0) : cronField(random, 0, 23, 0.4);
  const month = random.chance(0.1) ? random.pick(MONTHS) : cronField(random, 1, 12, 0.8);
  return `${seconds}${minute} ${hour} ${dayOfMonthField(random)} ${month} ${dayOfWeekField(random)}`;
}

function randomCalendar(random: Random): Record<string, unknown> {
  const field = (min: number, max: number) => {
    const start = random.integer(min, max);
    const end = random.integer(start, max);
    return random.pick<unknown>([
      '*',
      start,
      { start, end },
      { start, end, step: random.integer(1, 4) },
      [start, end],
    ]);
  };
  return {
    ...(random.chance(0.2) ? { second: field(0, 59) } : {}),
    minute: field(0, 59),
    hour: random.chance(0.5) ? field(0, 3) : field(0, 23),
    ...(random.chance(0.4) ? { dayOfMonth: field(1, 31) } : {}),
    ...(random.chance(0.3) ? { month: field(1, 12) } : {}),
    ...(random.chance(0.4) ? { dayOfWeek: field(0, 6) } : {}),
  };
}

const date = (instant: number) => new Date(instant).toISOString().slice(0, 10);
const DAY_MS = 86_400_000;

function randomExclusions(random: Random, begin: number): unknown[] {
  const entry = () => {
    const day = begin + random.integer(0, 700) * DAY_MS;
    return random.pick<() => unknown>([
      () => ({ date: date(day) }),
      () => ({ from: date(day), to: date(day + random.integer(0, 10) * DAY_MS) }),
      () => ({ cron: `* ${random.integer(0, 23)} * * ${random.integer(0, 6)}` }),
      () => ({ calendar: { minute: '*', hour: random.integer(0, 3), dayOfMonth: random.integer(1, 28) } }),
    ])();
  };
  return Array.from({ length: random.integer(1, 3) }, entry);
}

/** A random schedule: of any kind, in any of the zones, sometimes with limits and exclusions. */
export function randomSchedule(random: Random, begin: number): Record<string, unknown> {
  const common = {
    timeZone: random.pick(ZONES),
    ...(random.chance(0.2) ? { exclude: randomExclusions(random, begin) } : {}),
    ...(random.chance(0.15)
      ? {
          startAt: new Date(
            begin + random.integer(0, 300 * 86_400) * 1_000 + random.pick([0, 500]),
          ).toISOString(),
        }
      : {}),
    ...(random.chance(0.15)
      ? {
          endAt: new Date(
            begin + random.integer(301 * 86_400, 700 * 86_400) * 1_000 + random.pick([0, 500]),
          ).toISOString(),
        }
      : {}),
  };
  const dst = random.chance(0.4)
    ? {
        dst: {
          ...(random.chance(0.7) ? { gap: random.pick(['shift', 'skip']) } : {}),
          ...(random.chance(0.7) ? { repeat: random.pick(['first', 'both']) } : {}),
        },
      }
    : {};
  const kind = random.integer(0, 9);
  if (kind < 6) {
    const cron = random.chance(0.2) ? [randomCron(random), randomCron(random)] : randomCron(random);
    return {
      cron,
      ...(random.chance(0.2) ? { dayMatch: random.pick(['and', 'or']) } : {}),
      ...dst,
      ...common,
    };
  }
  if (kind < 8)
    return {
      calendar: Array.from({ length: random.integer(1, 2) }, () => randomCalendar(random)),
      ...dst,
      ...common,
    };
  if (kind === 8) {
    const every = random.pick([1, 7, 60, 90, 900, 3_600, 5_400, 86_400, 604_800]);
    const anchor = 'startAt' in common && random.chance(0.5) ? { anchor: 'startAt' } : {};
    return { every: `${every}s`, offset: `${random.integer(0, every - 1)}s`, ...anchor, ...common };
  }
  return { at: randomInstants(random, begin, common.timeZone), ...dst, ...common };
}

/** A random schedule on business days: as above, but for instants, which have no such days. */
export function randomOnBusinessDays(random: Random, begin: number): Record<string, unknown> {
  for (;;) {
    const schedule = randomSchedule(random, begin);
    if ('at' in schedule) continue;
    // Temporal passes over excluded instants one by one.
    if ('every' in schedule && Number.parseInt(String(schedule['every']), 10) < 60) continue;
    const otherwise = 'every' in schedule ? 'skip' : random.pick(['skip', 'next', 'previous']);
    const calendar = schedule['calendar'] as Record<string, unknown>[] | undefined;
    for (const entry of calendar ?? [])
      if (random.chance(0.5)) entry['businessDay'] = random.pick([1, -1, [1, -1], [2, 5, -3], 23]);
    return { ...schedule, businessDays: { calendar: 'random', otherwise } };
  }
}

/** Random instants or local times of the zone, some of them in the hours in which its clocks change. */
function randomInstants(random: Random, begin: number, timeZone: string): string[] {
  const until = begin + 730 * DAY_MS;
  const changes = clockChanges(timeZone, begin + DAY_MS, until);
  return Array.from({ length: random.integer(1, 4) }, () => {
    const instant = begin + DAY_MS + random.integer(0, 729 * 86_400) * 1_000;
    if (random.chance(0.4)) return new Date(instant).toISOString();
    const local =
      changes.length > 0 && random.chance(0.6)
        ? random.pick(changes).localFrom + random.integer(-3_600, 7_200) * 1_000
        : instant;
    return new Date(local).toISOString().slice(0, random.pick([19, 23]));
  });
}
