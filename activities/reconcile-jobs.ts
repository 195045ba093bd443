import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { SECOND_MS } from '../domain/milliseconds.ts';
import type { ReconcileDependencies } from '../scheduling/reconciler/reconcile-dependencies.ts';
import { reconcile } from '../scheduling/reconciler/reconcile.ts';
import type { PassResult } from '../scheduling/reconciler/run-steps.ts';
import { withHeartbeats } from './attempt/context.ts';

/** Until the next workflow of the schedule continues. */
const DURATION_MS = 55 * SECOND_MS;
const PAUSE_MS = 2 * SECOND_MS;

/**
 * The activity that runs the reconciler, pass after pass, for about a minute. Returns the sum of the
 * passes' results, for the Temporal Web UI.
 */
export function createReconcileJobs(dependencies: ReconcileDependencies) {
  return async function reconcileJobs(): Promise<PassResult> {
    const context = Context.current();
    const { cancellationSignal } = context;
    const total: PassResult = { passes: 0 };
    const end = Date.now() + DURATION_MS;
    await withHeartbeats(context, async () => {
      while (Date.now() < end && !cancellationSignal.aborted) {
        const result = await reconcile(dependencies);
        if (result) total['passes'] = (total['passes'] ?? 0) + 1;
        for (const [name, count] of Object.entries(result ?? {})) total[name] = (total[name] ?? 0) + count;
        await sleep(PAUSE_MS, undefined, { signal: cancellationSignal }).catch(() => undefined);
      }
    });
    return total;
  };
}
