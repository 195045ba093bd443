import type { RunsSoFar } from '../../db/runs/occurrence-log.ts';
import type { Policy } from '../../domain/job/policy.ts';

/**
 * The occurrences of a job with `maxRuns` that get a row now, and the first one that waits for the outcome of
 * others.
 */
export interface DueWithinMaxRuns {
  instants: number[];
  heldAt: number | undefined;
}

/** Tells whether a job has started its last run. Pure. */
export const isUsedUp = ({ counted, unstarted }: RunsSoFar, maxRuns: number) =>
  counted - unstarted >= maxRuns;

/**
 * Selects, from due instants without a row in their order, the occurrences of a job with `maxRuns`. Skipped
 * and missed occurrences do not count, so the schedule goes on until `maxRuns` runs have started, and which
 * occurrence is the last is known only once all earlier ones are decided. So no more rows are open at once
 * than runs are left. Occurrences that cannot be the last run get their row in any case: those due before a
 * run that has started, and, with `skip`, those due while a run was in progress. An instant after the last
 * run is no occurrence. Pure.
 */
export function dueWithinMaxRuns(
  instants: readonly number[],
  soFar: RunsSoFar,
  { maxRuns, overlap }: { maxRuns: number; overlap: Policy['overlap'] },
): DueWithinMaxRuns {
  const { counted, latest } = soFar;
  const isOver = isUsedUp(soFar, maxRuns);
  const inProgressUntil = overlap === 'skip' && latest ? (latest.endedAt ?? Infinity) : -Infinity;
  let left = maxRuns - counted;
  const taken: number[] = [];
  for (const instant of instants) {
    const isBeforeLatest = latest !== undefined && instant <= latest.scheduledAt;
    if (!isBeforeLatest) {
      if (isOver) break;
      if (instant > inProgressUntil && left-- <= 0) return { instants: taken, heldAt: instant };
    }
    taken.push(instant);
  }
  return { instants: taken, heldAt: undefined };
}
