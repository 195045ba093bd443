import { setTimeout as sleep } from 'node:timers/promises';
import { reconcile } from '../scheduling/reconcile.ts';
import { recordSuppressed } from '../scheduling/suppressed.ts';
import type { SyncDependencies } from '../scheduling/sync.ts';

const RECONCILE_PERIOD_MS = 2_000;
/** It looks back over two days, so it may come late. */
const SUPPRESSED_PERIOD_MS = 600_000;

/** Runs the passes of the reconciler, each after its pause, until it is stopped. */
export function startReconcileTimer(dependencies: SyncDependencies) {
  const { db, logger } = dependencies;
  const abort = new AbortController();
  const repeat = async (name: string, periodMs: number, pass: (now: Date) => Promise<number>) => {
    while (!abort.signal.aborted) {
      try {
        const count = await pass(new Date());
        if (count > 0) logger.info({ count }, name);
      } catch (error) {
        logger.warn({ err: error }, `failed: ${name}`);
      }
      await sleep(periodMs, undefined, { signal: abort.signal }).catch(() => undefined);
    }
  };
  const running = Promise.all([
    repeat('reconciled jobs', RECONCILE_PERIOD_MS, (now) => reconcile(dependencies, now)),
    repeat('recorded local times that came twice', SUPPRESSED_PERIOD_MS, (now) => recordSuppressed(db, now)),
  ]);
  return {
    /** Resolves when the passes that are under way have ended. */
    stop: () => {
      abort.abort();
      return running;
    },
  };
}
