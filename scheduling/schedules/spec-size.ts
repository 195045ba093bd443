import type { CompiledSchedule } from '../../domain/schedule/compile-schedule.ts';
import type { FieldError } from '../../domain/errors.ts';
import { countSpelledOut, withoutBusinessDays } from './temporal-spec.ts';

/**
 * The limit of calendars and exclusions of a schedule. Each is examined for every occurrence, here and in
 * Temporal, and can become some twenty around clock changes. Temporal warns of a schedule of 512 KiB, and
 * refuses one of 2 MiB (`limit.blobSize.warn`, `limit.blobSize.error`).
 */
const MAX_CALENDARS = 300;
/** The limit of instants that a Temporal Schedule lists one by one. */
const MAX_INSTANTS = 10_000;

/**
 * Finds whether the Temporal Schedule of a schedule, written at `now` (milliseconds since the epoch), is too
 * large. Pure.
 */
export function findTooComplex(compiled: CompiledSchedule, now: number): FieldError[] {
  const { calendars, exclude } = withoutBusinessDays(compiled, now);
  const count = calendars.length + exclude.length;
  if (count > MAX_CALENDARS) {
    const rules = 'each rule with L, W or #, and each month with days off, can add some';
    return tooComplex(`it comes to ${count} calendars, and ${MAX_CALENDARS} are taken (${rules})`);
  }
  const instants = countSpelledOut(compiled, now);
  if (instants <= MAX_INSTANTS) return [];
  const around = `around the clock changes of ${compiled.timeZone} it names ${instants} instants`;
  return tooComplex(`${around}, and ${MAX_INSTANTS} are taken`);
}

const tooComplex = (why: string): FieldError[] => [
  {
    path: 'schedule',
    code: 'too_complex',
    message: `is too much for a Temporal Schedule: ${why}; name fewer crons, calendars or exclusions, or make several jobs of it`,
  },
];
