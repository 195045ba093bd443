import { setTimeout as sleep } from 'node:timers/promises';
import { findSilence } from '../db/upkeep/reconciler-lease.ts';
import { SECOND_MS } from '../domain/milliseconds.ts';
import { ensureReconciler } from '../scheduling/reconciler/reconciler-schedule.ts';
import { ensureSearchAttributes } from '../scheduling/temporal/search-attributes.ts';
import type { ReconcileDependencies } from '../scheduling/reconciler/reconcile-dependencies.ts';
import { reconcile } from '../scheduling/reconciler/reconcile.ts';

const CHECK_EVERY_MS = 2 * SECOND_MS;
/** If no pass has ended for this long in the whole installation, a worker makes one itself. */
const MAX_SILENCE_MS = 6 * SECOND_MS;

/**
 * A fallback for the reconciler. It runs as a workflow, so it stops when Temporal is away or has lost its schedule. As long as it
 * is silent, this worker makes its passes.
 */
export function startReconcileTimer(dependencies: ReconcileDependencies) {
  const { db, temporal, breaker, taskQueue, logger } = dependencies;
  const abort = new AbortController();
  const running = (async () => {
    while (!abort.signal.aborted) {
      await sleep(CHECK_EVERY_MS, undefined, { signal: abort.signal }).catch(() => undefined);
      if (abort.signal.aborted) return;
      try {
        if ((await findSilence(db)) < MAX_SILENCE_MS) continue;
        const result = await reconcile(dependencies);
        if (!result) continue;
        logger.info({ ...result }, 'the reconciler was silent; this worker made its pass');
        // A new Temporal server has neither.
        await breaker.attempt(() => ensureSearchAttributes(temporal));
        await breaker.attempt(() => ensureReconciler(temporal, taskQueue));
      } catch (error) {
        logger.warn({ err: error }, 'could not make a pass in place of the reconciler');
      }
    }
  })();
  return {
    /** Resolves when the current pass has ended. */
    stop: () => {
      abort.abort();
      return running;
    },
  };
}
