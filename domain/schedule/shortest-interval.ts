import type { CompiledSchedule } from './compile-schedule.ts';
import { occurrences } from './occurrences.ts';

const MAX_OCCURRENCES = 100;

/**
 * The shortest time in milliseconds between two of the next hundred occurrences. Excluded occurrences count, because
 * passing over one costs Temporal as much as starting one. Infinity for an `at`, and if there are fewer than two. Pure.
 */
export function shortestInterval(schedule: CompiledSchedule, after: number): number {
  if (schedule.instants.length > 0) return Infinity;
  const instants = occurrences({ ...schedule, exclude: [] }, after, MAX_OCCURRENCES);
  return instants.reduce(
    (shortest, instant, index) => Math.min(shortest, instant - (instants[index - 1] ?? -Infinity)),
    Infinity,
  );
}
