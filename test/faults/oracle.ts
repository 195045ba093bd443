import type { PlainSchedule } from './log.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** Returns whether a schedule fires at an instant, independently of the code under test. */
export function isDue(schedule: PlainSchedule, instant: number): boolean {
  switch (schedule.kind) {
    case 'every':
      return (instant - schedule.offset * SECOND_MS) % (schedule.seconds * SECOND_MS) === 0;
    case 'cron':
      return instant % SECOND_MS === 0 && ((instant % MINUTE_MS) / SECOND_MS) % schedule.step === 0;
    case 'at':
      return schedule.instants.includes(instant);
  }
}

/** All instants from `from` to `until`, both included, at which a schedule fires. */
export function dueBetween(schedule: PlainSchedule, from: number, until: number): number[] {
  if (schedule.kind === 'at')
    return schedule.instants.filter((instant) => instant >= from && instant <= until);
  const due: number[] = [];
  for (let instant = Math.ceil(from / SECOND_MS) * SECOND_MS; instant <= until; instant += SECOND_MS) {
    if (isDue(schedule, instant)) due.push(instant);
  }
  return due;
}
