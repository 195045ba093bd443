import { setTimeout as sleep } from 'node:timers/promises';
import { findLastPass } from '../db/upkeep/reconciler-lease.ts';
import { SECOND_MS } from '../domain/milliseconds.ts';
import { ensureReconciler } from '../scheduling/reconciler/reconciler-schedule.ts';
import { ensureSearchAttributes } from '../scheduling/temporal/search-attributes.ts';
import type { ReconcileDependencies } from '../scheduling/reconciler/reconcile-dependencies.ts';
import { reconcile } from '../scheduling/reconciler/reconcile.ts';

const PERIOD_MS = 2 * SECOND_MS;
/** So long after the last pass ended, wherever it was, the workers take the next one on themselves. */
const SILENCE_MS = 6 * SECOND_MS;

/**
 * Watches over the reconciler, which depends on Temporal like everything that it mends: when it has fallen silent, this
 * worker does its passes, until it is stopped.
 */
export function startReconcileTimer(dependencies: ReconcileDependencies) {
  const { db, temporal, breaker, taskQueue, logger } = dependencies;
  const abort = new AbortController();
  const running = (async () => {
    while (!abort.signal.aborted) {
      await sleep(PERIOD_MS, undefined, { signal: abort.signal }).catch(() => undefined);
      if (abort.signal.aborted) return;
      try {
        const silentMs = Date.now() - (await findLastPass(db)).getTime();
        if (silentMs < SILENCE_MS) continue;
        const result = await reconcile(dependencies);
        if (!result) continue;
        logger.info({ ...result }, 'the reconciler was silent; a worker did its pass');
        // A Temporal that was set up anew knows none of it.
        await breaker.attempt(() => ensureSearchAttributes(temporal));
        await breaker.attempt(() => ensureReconciler(temporal, taskQueue));
      } catch (error) {
        logger.warn({ err: error }, 'could not wake the reconciler');
      }
    }
  })();
  return {
    /** Resolves when the pass that is under way has ended. */
    stop: () => {
      abort.abort();
      return running;
    },
  };
}
