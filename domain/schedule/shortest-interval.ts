import type { CompiledSchedule } from './compile-schedule.ts';
import { occurrences } from './occurrences.ts';

/** So many occurrences are looked at. */
const LOOK_AT = 100;

/**
 * The shortest time in milliseconds between two of the next hundred occurrences, exclusions aside: passing over what is
 * excluded costs Temporal as much as firing. Infinity for a schedule that names its
 * instants one by one, or fires but once more.
 */
export function shortestInterval(schedule: CompiledSchedule, after: number): number {
  if (schedule.instants.length > 0) return Infinity;
  const instants = occurrences({ ...schedule, exclude: [] }, after, LOOK_AT);
  return instants.reduce(
    (shortest, instant, index) => Math.min(shortest, instant - (instants[index - 1] ?? -Infinity)),
    Infinity,
  );
}
