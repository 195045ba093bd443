import { describe, expect, test } from '@jest/globals';
import { ServerAwayError } from '../../../../platform/circuit-breaker.ts';
import type { Logger } from '../../../../platform/logger.ts';
import { runSteps, type Step } from '../../../../scheduling/reconciler/run-steps.ts';

const LIMITS = { passMs: 20, stepMs: 10 };

/** A pass with a clock that only steps move, and its log. */
function createPass() {
  const errors: unknown[] = [];
  const away: unknown[] = [];
  const logger = {
    error: ({ err }: { err: unknown }) => errors.push(err),
    debug: ({ err }: { err: unknown }) => away.push(err),
  } as unknown as Logger;
  const state = { nowMs: 1_000, isLost: false };
  const calls: string[] = [];
  /** A step that returns these counts, one per call, and then 0. Each call takes `tookMs`. */
  const step = (name: string, counts: number[], more: { tookMs?: number } & Partial<Step<void>> = {}) => {
    const { tookMs = 0, ...rest } = more;
    const left = [...counts];
    const run = async () => {
      calls.push(name);
      state.nowMs += tookMs;
      return left.shift() ?? 0;
    };
    return { name, batch: 10, run, ...rest };
  };
  const run = (...steps: Step<void>[]) =>
    runSteps(steps, undefined, {
      logger,
      isLost: () => state.isLost,
      limits: LIMITS,
      clock: () => state.nowMs,
    });
  return { state, calls, errors, away, step, run };
}

test('a step is repeated while it finds a full batch, and its counts are added up by name', async () => {
  const { step, run, calls } = createPass();
  const result = await run(step('a', [10, 10, 3]), step('b', [0]), step('a', [2]));
  expect(calls).toEqual(['a', 'a', 'a', 'b', 'a']);
  expect(result).toEqual({ a: 25 });
});

test('a step without batches runs once, and one that is not due does not run', async () => {
  const { step, run, calls } = createPass();
  await run(step('once', [99], { batch: 'all' }), step('not due', [1], { when: () => false }));
  expect(calls).toEqual(['once']);
});

describe('failures', () => {
  const failing = (name: string, error: Error): Step<void> => ({
    name,
    batch: 10,
    run: async () => {
      throw error;
    },
  });

  test('of a step are logged and counted, and the other steps run', async () => {
    const { step, run, calls, errors } = createPass();
    const error = new Error('broken');
    const result = await run(failing('bad', error), step('good', [1]), failing('worse', error));
    expect(calls).toEqual(['good']);
    expect(result).toEqual({ good: 1, failed: 2 });
    expect(errors).toEqual([error, error]);
  });

  test('keep the counts of earlier batches', async () => {
    const { run } = createPass();
    const counts = [10];
    const half = async () => {
      const count = counts.shift();
      if (count === undefined) throw new Error('broken');
      return count;
    };
    expect(await run({ name: 'half', batch: 10, run: half })).toEqual({ half: 10, failed: 1 });
  });

  test('are not counted as errors if Temporal is down', async () => {
    const { run, errors, away } = createPass();
    const error = new ServerAwayError('Temporal');
    expect(await run(failing('bad', error))).toEqual({ failed: 1 });
    expect(errors).toEqual([]);
    expect(away).toEqual([error]);
  });
});

describe('time', () => {
  test('of a step is bounded, and the other steps run after it', async () => {
    const { step, run, calls } = createPass();
    await run(step('slow', Array<number>(9).fill(10), { tookMs: 4 }), step('next', [1]));
    expect(calls).toEqual(['slow', 'slow', 'slow', 'next']);
  });

  test('of a pass is bounded: after it, each step runs once', async () => {
    const { step, run, calls } = createPass();
    const full = Array<number>(9).fill(10);
    await run(
      step('first', full, { tookMs: 10 }),
      step('second', full, { tookMs: 10 }),
      step('third', full),
      step('fourth', full),
    );
    expect(calls).toEqual(['first', 'second', 'third', 'fourth']);
  });

  test('can be over within a batch, and the step is told so', async () => {
    const { state, run } = createPass();
    const seen: boolean[] = [];
    const slow: Step<void> = {
      name: 'slow',
      batch: 10,
      run: async (_, { now, isOver }) => {
        expect(now).toEqual(new Date(1_000));
        seen.push(isOver());
        state.nowMs += LIMITS.stepMs;
        seen.push(isOver());
        return 1;
      },
    };
    await run(slow);
    expect(seen).toEqual([false, true]);
  });
});

test('when the lease is lost, the step is told so, and no other step runs', async () => {
  const { state, step, run, calls } = createPass();
  const seen: boolean[] = [];
  const losing: Step<void> = {
    name: 'losing',
    batch: 10,
    run: async (_, { isOver }) => {
      state.isLost = true;
      seen.push(isOver());
      return 10;
    },
  };
  expect(await run(losing, step('next', [1]))).toEqual({ losing: 10 });
  expect(seen).toEqual([true]);
  expect(calls).toEqual([]);
});
