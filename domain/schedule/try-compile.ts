import { compileSchedule, type CompiledSchedule } from './compile-schedule.ts';
import { occurrences } from './occurrences.ts';
import type { Schedule } from './schedule.ts';

/**
 * Compiles a stored schedule; undefined if this version of the service cannot evaluate it. Another version may have
 * accepted what this one does not know, such as a new time zone. Pure.
 */
export function tryCompile(schedule: Schedule, now: number): CompiledSchedule | undefined {
  try {
    const compiled = compileSchedule(schedule);
    occurrences(compiled, now, 1);
    return compiled;
  } catch {
    return undefined;
  }
}
