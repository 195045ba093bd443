import type { RunsSoFar } from '../../db/runs/occurrence-log.ts';
import type { Policy } from '../../domain/job/policy.ts';

/** Which occurrences of a job with `maxRuns` are to have a row now, and the first one that has to wait for what becomes of these. */
export interface DueWithinMaxRuns {
  instants: number[];
  heldAt: number | undefined;
}

/** Tells whether a job has begun its last run. Pure. */
export const isUsedUp = ({ counted, unstarted }: RunsSoFar, maxRuns: number) =>
  counted - unstarted >= maxRuns;

/**
 * Of instants that are due and have no row, in their order, those that belong to a job with `maxRuns`. What is skipped or
 * missed does not count, so the schedule goes on until as many runs as that have begun; which occurrence the last one is
 * shows only once those before it are settled. So no more rows are open at once than runs are left, beside those that can
 * not be the last: whatever was due before a run that has begun, or while one was under way that `skip` does not overlap.
 * What is due after the last run is no occurrence. Pure.
 */
export function dueWithinMaxRuns(
  instants: readonly number[],
  soFar: RunsSoFar,
  { maxRuns, overlap }: { maxRuns: number; overlap: Policy['overlap'] },
): DueWithinMaxRuns {
  const { counted, latest } = soFar;
  const isOver = isUsedUp(soFar, maxRuns);
  const underWayUntil = overlap === 'skip' && latest ? (latest.endedAt ?? Infinity) : -Infinity;
  let left = maxRuns - counted;
  const taken: number[] = [];
  for (const instant of instants) {
    const isBeforeLatest = latest !== undefined && instant <= latest.scheduledAt;
    if (!isBeforeLatest) {
      if (isOver) break;
      if (instant > underWayUntil && left-- <= 0) return { instants: taken, heldAt: instant };
    }
    taken.push(instant);
  }
  return { instants: taken, heldAt: undefined };
}
