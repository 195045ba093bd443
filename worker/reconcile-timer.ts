import { setTimeout as sleep } from 'node:timers/promises';
import { reconcile } from '../scheduling/reconcile.ts';
import type { SyncDependencies } from '../scheduling/sync.ts';

const PERIOD_MS = 2_000;

/** Runs a reconcile pass every two seconds, one after another, until it is stopped. */
export function startReconcileTimer(dependencies: SyncDependencies) {
  const abort = new AbortController();
  const running = (async () => {
    while (!abort.signal.aborted) {
      try {
        const count = await reconcile(dependencies);
        if (count > 0) dependencies.logger.info({ count }, 'reconciled jobs');
      } catch (error) {
        dependencies.logger.warn({ err: error }, 'a reconcile pass failed');
      }
      await sleep(PERIOD_MS, undefined, { signal: abort.signal }).catch(() => undefined);
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
