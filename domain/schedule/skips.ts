import type { CompiledSchedule } from './compile-schedule.ts';
import { toInstant } from '../instant.ts';
import { prepareIsOccurrence } from './occurrences.ts';
import type { StoredSchedule } from './schedule.ts';
import type { Skip } from './skip-schema.ts';

/** The skips of a schedule in (after, until], ascending; times in milliseconds since the epoch. Pure. */
export const skipsIn = ({ skips = [] }: StoredSchedule, after: number, until = Infinity): Skip[] =>
  skips.filter(({ at }) => Date.parse(at) > after && Date.parse(at) <= until);

/** The skip of the occurrence at an instant (milliseconds since the epoch); undefined if it is not skipped. Pure. */
export const skipAt = (schedule: StoredSchedule, instant: number): Skip | undefined =>
  skipsIn(schedule, instant - 1, instant)[0];

/** A schedule with exactly these skips, in the order of their instants. Pure. */
export function withSkips(schedule: StoredSchedule, skips: readonly Skip[]): StoredSchedule {
  const changed = { ...schedule };
  delete changed.skips;
  if (skips.length === 0) return changed;
  return { ...changed, skips: [...skips].sort((a, b) => Date.parse(a.at) - Date.parse(b.at)) };
}

/** A schedule that fires as if nothing was skipped. Pure. */
export function includingSkipped({ skipped: _skipped, ...compiled }: CompiledSchedule): CompiledSchedule {
  return compiled;
}

/** Those of some skips that lie after `after` (milliseconds since the epoch), and are occurrences of a schedule. Pure. */
export function skipsThatHold(skips: readonly Skip[], compiled: CompiledSchedule, after: number): Skip[] {
  const isOccurrence = prepareIsOccurrence(compiled);
  return skips.filter(({ at }) => Date.parse(at) > after && isOccurrence(Date.parse(at)));
}

/** Why an occurrence that was skipped has no run, in words. Pure. */
export const wordsOfSkip = ({ by, reason }: Skip): string =>
  `skipped at the request of ${by}${reason === '' ? '' : `: ${reason}`}`;

/** The instants of skips as they are listed in messages, at most five. Pure. */
export function listInstants(instants: readonly number[]): string {
  const shown = instants.slice(0, 5).map(toInstant).join(', ');
  return instants.length > 5 ? `${shown} and ${instants.length - 5} more` : shown;
}
