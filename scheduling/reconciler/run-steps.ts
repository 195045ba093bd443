import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { Logger } from '../../platform/logger.ts';
import { isUnreachable } from '../temporal/temporal-errors.ts';

// How a pass of the reconciler runs its steps. A step that fails keeps none of the others from running. Time
// is shared out, so that a step with much to do delays the others by a bounded time, and every step does
// something in every pass.

/** One call of a step. */
export interface Round {
  now: Date;
  /** Answers true once the step's time is over or the lease is lost: then a step begins nothing more. */
  isOver: () => boolean;
}

/** One kind of work of the reconciler. */
export interface Step<Context> {
  /**
   * A value of the label `step` of `scheduler_reconciled_total`. Dashboards of running installations hold
   * these names, so they stay, whatever words the code uses today. Steps of the same name are counted
   * together.
   */
  name: string;
  /** Tells whether the step runs in this pass; without it, the step runs in every pass. */
  when?: (context: Context) => boolean;
  /** The number of items that makes a full batch: after one, the step is called again. 'all': it is called once. */
  batch: number | 'all';
  /** Does one batch. Returns how many items it took care of. */
  run: (context: Context, round: Round) => Promise<number>;
}

/**
 * How many items each step took care of in a pass; a step without any is absent. `failed` counts steps that
 * failed.
 */
export type PassResult = Record<string, number>;

/** How long a pass and its steps may take. */
export interface PassLimits {
  /** After this time no step is called again, so that the next pass begins with the first step. */
  passMs: number;
  /** After this time a step begins nothing more. */
  stepMs: number;
}

const PASS_LIMITS: PassLimits = { passMs: 20 * SECOND_MS, stepMs: 10 * SECOND_MS };

/**
 * Runs steps one after another, each as often as it finds a full batch and has time. Each step is called at
 * least once, unless the lease is lost. Never throws: an error of a step is logged and counted.
 */
export async function runSteps<Context>(
  steps: readonly Step<Context>[],
  context: Context,
  {
    logger,
    isLost,
    limits = PASS_LIMITS,
    clock = Date.now,
  }: { logger: Logger; isLost: () => boolean; limits?: PassLimits; clock?: () => number },
): Promise<PassResult> {
  const result: PassResult = {};
  const add = (name: string, count: number) => {
    if (count > 0) result[name] = (result[name] ?? 0) + count;
  };
  const passEnd = clock() + limits.passMs;
  for (const { name, when, batch, run } of steps) {
    if (isLost()) break;
    if (when && !when(context)) continue;
    const stepEnd = clock() + limits.stepMs;
    const isOver = () => clock() >= stepEnd || isLost();
    try {
      let isFull = true;
      while (isFull) {
        const count = await run(context, { now: new Date(clock()), isOver });
        add(name, count);
        isFull = batch !== 'all' && count >= batch && !isOver() && clock() < passEnd;
      }
    } catch (error) {
      // That Temporal is away is logged elsewhere, once. It is no fault of the step.
      if (isUnreachable(error)) logger.debug({ err: error, step: name }, 'Temporal cannot be reached');
      else logger.error({ err: error, step: name }, 'a step of the reconciler failed');
      add('failed', 1);
    }
  }
  return result;
}
