import type { Client } from '@temporalio/client';
import { checkWillFire } from '../../domain/schedule/check-will-fire.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { iterateOccurrences } from '../../domain/schedule/occurrences.ts';
import { Schedule, type StoredSchedule } from '../../domain/schedule/schedule.ts';
import { clockChanges } from '../../domain/schedule/time-zone.ts';
import { temporalScheduleSpec } from '../../scheduling/schedules/schedule-options.ts';
import { isUnreachable } from '../../scheduling/temporal/temporal-errors.ts';
import { createRandom } from '../support/random.ts';
import { randomWorkingDays } from '../support/random-working-days.ts';
import { randomOnBusinessDays, randomSchedule } from './random-schedule.ts';

const DAY_MS = 86_400_000;
const PERIOD_MS = 2 * 366 * DAY_MS;
/** The maximal number of instants per call to Temporal. Longer schedules are compared at their beginning and around each clock change. */
const LISTED = 1_000;

/** The timeout of a query; the comparison fails after the maximal number of attempts. */
const QUERY_DEADLINE_MS = 5_000;
const MAX_ATTEMPTS = 4;

/** Which schedules are compared: of any kind, or with the working days of random calendars. */
export type ScheduleKind = 'any' | 'businessDays';

/** A schedule for which Temporal and `occurrences` differ. */
export interface Difference {
  seed: number;
  schedule: unknown;
  onlyTemporal: string[];
  onlyOurs: string[];
}

/** The result of comparing one schedule. */
interface Comparison {
  difference: Difference | undefined;
  compared: number;
}

/**
 * Creates a paused Temporal Schedule from a random schedule, asks the server when it would fire in the next two years, and
 * compares the answer with `occurrences`.
 */
export async function compareOne(
  temporal: Client,
  kind: ScheduleKind,
  seed: number,
  now: number,
): Promise<Comparison> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await compareUnder(`differential-${kind}-${seed}-${attempt}`, temporal, kind, seed, now);
    } catch (error) {
      // Sometimes a query hangs in the server without end. A new schedule answers at once.
      if (attempt === MAX_ATTEMPTS || !isUnreachable(error)) throw error;
    }
  }
}

async function compareUnder(
  scheduleId: string,
  temporal: Client,
  kind: ScheduleKind,
  seed: number,
  now: number,
): Promise<Comparison> {
  const begin = Math.ceil(now / 1_000) * 1_000;
  const { input, schedule } = makeSchedule(kind, seed, begin);
  const compiled = compileSchedule(schedule);
  const handle = await temporal.schedule.create({
    scheduleId,
    spec: temporalScheduleSpec(compiled, begin),
    action: { type: 'startWorkflow', workflowType: 'none', taskQueue: 'none' },
    state: { paused: true },
  });
  try {
    let compared = 0;
    for (const [from, until] of windowsOf(compiled.timeZone, begin)) {
      const theirs = await listMatching(temporal, scheduleId, from, until);
      // A full list may end anywhere before `until`: then both are compared up to its last instant.
      const end = theirs.length >= LISTED ? (theirs[theirs.length - 1] as number) : until;
      const ours: number[] = [];
      for (const instant of iterateOccurrences(compiled, from)) {
        if (instant > end) break;
        ours.push(instant);
      }
      compared += ours.length;
      const onlyTemporal = theirs.filter((instant) => !ours.includes(instant));
      const onlyOurs = ours.filter((instant) => !theirs.includes(instant));
      if (onlyTemporal.length > 0 || onlyOurs.length > 0) {
        const shown = (instants: number[]) =>
          instants.slice(0, 5).map((instant) => new Date(instant).toISOString());
        return {
          difference: { seed, schedule: input, onlyTemporal: shown(onlyTemporal), onlyOurs: shown(onlyOurs) },
          compared,
        };
      }
    }
    return { difference: undefined, compared };
  } finally {
    await handle.delete();
  }
}

/** A random schedule: as a request gives it, and as it is stored. */
function makeSchedule(kind: ScheduleKind, seed: number, begin: number) {
  const random = createRandom(seed);
  for (;;) {
    const input =
      kind === 'businessDays' ? randomOnBusinessDays(random, begin) : randomSchedule(random, begin);
    const parsed = Schedule.safeParse(input);
    if (!parsed.success)
      throw new Error(
        `seed ${seed} made a schedule that is refused: ${JSON.stringify(input)} ${parsed.error.message}`,
      );
    if (!('businessDays' in parsed.data) || !parsed.data.businessDays)
      return { input, schedule: parsed.data };
    const days = randomWorkingDays(random, begin);
    const businessDays = { ...parsed.data.businessDays, days, generation: 1, calendarId: '' };
    const schedule = { ...parsed.data, businessDays } as StoredSchedule;
    // Days can leave nothing of a schedule; then it is refused, since Temporal's server would search for long.
    if (checkWillFire(schedule, begin).length === 0) return { input: { ...input, days }, schedule };
  }
}

/** The whole period, and the two days around each clock change in it. */
function windowsOf(timeZone: string, begin: number): [number, number][] {
  const until = begin + PERIOD_MS;
  const around = clockChanges(timeZone, begin, until).map(({ instant }): [number, number] => [
    instant - DAY_MS,
    instant + DAY_MS,
  ]);
  return [[begin, until], ...around];
}

async function listMatching(
  temporal: Client,
  scheduleId: string,
  from: number,
  until: number,
): Promise<number[]> {
  const toTimestamp = (ms: number) => ({
    seconds: Math.floor(ms / 1_000) as never,
    nanos: (ms % 1_000) * 1e6,
  });
  const { startTime } = await temporal.withDeadline(Date.now() + QUERY_DEADLINE_MS, () =>
    temporal.workflowService.listScheduleMatchingTimes({
      namespace: temporal.options.namespace,
      scheduleId,
      startTime: toTimestamp(from),
      endTime: toTimestamp(until),
    }),
  );
  return startTime.map(({ seconds }) => Number(seconds) * 1_000);
}
