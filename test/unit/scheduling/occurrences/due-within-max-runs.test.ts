import { describe, expect, test } from '@jest/globals';
import type { RunsSoFar } from '../../../../db/runs/occurrence-log.ts';
import { dueWithinMaxRuns } from '../../../../scheduling/occurrences/due-within-max-runs.ts';

const NONE: RunsSoFar = { counted: 0, unstarted: 0, latest: undefined };
const run = (scheduledAt: number, endedAt: number | null) => ({ scheduledAt, endedAt });
const due = (
  instants: number[],
  soFar: Partial<RunsSoFar>,
  limits: { maxRuns: number; overlap?: 'skip' | 'allowAll' },
) => dueWithinMaxRuns(instants, { ...NONE, ...soFar }, { overlap: 'allowAll', ...limits });

describe('due occurrences of a job with maxRuns', () => {
  test('get as many rows as runs are left, and the next one waits for their outcome', () => {
    expect(due([1, 2, 3, 4], {}, { maxRuns: 2 })).toEqual({ instants: [1, 2], heldAt: 3 });
    expect(due([1, 2], {}, { maxRuns: 2 })).toEqual({ instants: [1, 2], heldAt: undefined });
    expect(due([3, 4], { counted: 2, unstarted: 2 }, { maxRuns: 2 })).toEqual({ instants: [], heldAt: 3 });
  });

  test('each skipped one gives its place to the next', () => {
    // 1 ran, 2 was skipped and does not count.
    const soFar = { counted: 1, latest: run(1, 1) };
    expect(due([3, 4], soFar, { maxRuns: 2 })).toEqual({ instants: [3], heldAt: 4 });
    expect(due([4, 5], soFar, { maxRuns: 2 })).toEqual({ instants: [4], heldAt: 5 });
  });

  test('all get a row before the last run, and none after it', () => {
    const soFar = { counted: 2, latest: run(9, 16) };
    expect(due([3, 6, 12, 15, 18], soFar, { maxRuns: 2, overlap: 'skip' })).toEqual({
      instants: [3, 6],
      heldAt: undefined,
    });
    expect(due([12, 15], { ...soFar, latest: run(9, null) }, { maxRuns: 2, overlap: 'skip' })).toEqual({
      instants: [],
      heldAt: undefined,
    });
  });

  test('skip: those due while a run is in progress cannot be the last run, and do not wait', () => {
    const underWay = { counted: 1, latest: run(0, null) };
    expect(due([3, 6, 9], underWay, { maxRuns: 2, overlap: 'skip' })).toEqual({
      instants: [3, 6, 9],
      heldAt: undefined,
    });
    expect(due([3, 6, 9], underWay, { maxRuns: 2 })).toEqual({ instants: [3], heldAt: 6 });
    const ended = { counted: 1, latest: run(0, 7) };
    expect(due([3, 6, 9, 12], ended, { maxRuns: 2, overlap: 'skip' })).toEqual({
      instants: [3, 6, 9],
      heldAt: 12,
    });
  });
});
