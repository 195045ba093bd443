import type { PlainSchedule, Zone } from './log.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
/** The offsets of the zones, which have no clock changes. */
const OFFSET_MINUTES: Record<Zone, number> = { UTC: 0, 'Asia/Kathmandu': 345 };

/** Returns whether a schedule fires at an instant, independently of the code under test, and regardless of `maxRuns`. */
export function isDue(schedule: PlainSchedule, instant: number): boolean {
  const { startAt, excludedSeconds } = schedule;
  if (startAt !== undefined && instant < startAt) return false;
  const second = (instant % MINUTE_MS) / SECOND_MS;
  if (excludedSeconds && second >= excludedSeconds[0] && second <= excludedSeconds[1]) return false;
  switch (schedule.kind) {
    case 'every':
      return (instant - schedule.offset * SECOND_MS) % (schedule.seconds * SECOND_MS) === 0;
    case 'cron': {
      if (instant % SECOND_MS !== 0 || second % schedule.step !== 0) return false;
      const { evenMinutesIn } = schedule;
      if (evenMinutesIn === undefined) return true;
      return (Math.floor(instant / MINUTE_MS) + OFFSET_MINUTES[evenMinutesIn]) % 2 === 0;
    }
    case 'at':
      return schedule.instants.includes(instant);
  }
}

/** All instants from `from` to `until`, both included, at which a schedule fires. */
export function dueBetween(schedule: PlainSchedule, from: number, until: number): number[] {
  if (schedule.kind === 'at')
    return schedule.instants.filter(
      (instant) => instant >= from && instant <= until && isDue(schedule, instant),
    );
  const due: number[] = [];
  for (let instant = Math.ceil(from / SECOND_MS) * SECOND_MS; instant <= until; instant += SECOND_MS) {
    if (isDue(schedule, instant)) due.push(instant);
  }
  return due;
}

/** Returns whether two schedules are the same. */
export const isSameSchedule = (one: PlainSchedule | null, other: PlainSchedule | null): boolean =>
  JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));

const sorted = (schedule: PlainSchedule | null) =>
  Object.entries(schedule ?? {})
    .filter(([, value]) => value !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1));
