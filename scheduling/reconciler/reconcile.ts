import { randomUUID } from 'node:crypto';
import { notePass, releaseLease, takeLease } from '../../db/upkeep/reconciler-lease.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import { sendHeartbeat } from './heartbeat.ts';
import type { ReconcileDependencies } from './reconcile-dependencies.ts';
import { runSteps, type PassResult } from './run-steps.ts';
import { STEPS } from './steps.ts';

/** A process that dies with the lease keeps the others waiting for this time at most. */
const LEASE_MS = 10 * SECOND_MS;
const RENEW_MS = 3 * SECOND_MS;

/**
 * One pass of the reconciler: runs all steps of steps.ts. One process at a time does so, under a lease.
 * Returns undefined if another process holds the lease.
 * @throws if the database is away when the lease is taken, or when the end of the pass is noted
 */
export async function reconcile(dependencies: ReconcileDependencies): Promise<PassResult | undefined> {
  const { db, logger, sweepIntervalMs } = dependencies;
  const holder = randomUUID();
  const lease = () => takeLease(db, holder, LEASE_MS);
  const askedAt = Date.now();
  const previous = await lease();
  if (!previous) return undefined;
  // What a pass decides and stores goes by the clock of Postgres: a process whose clock is ahead would otherwise keep jobs and
  // runs from the others until their clocks reach the same time.
  const offsetMs = previous.now.getTime() - (askedAt + Date.now()) / 2;
  const clock = () => Math.round(Date.now() + offsetMs);
  let isLost = false;
  const renewal = setInterval(() => {
    lease().then(
      (renewed) => (isLost ||= renewed === undefined),
      (error: unknown) => logger.warn({ err: error }, 'could not renew the lease'),
    );
  }, RENEW_MS);
  try {
    const began = performance.now();
    const isSweep = clock() - previous.sweptAt.getTime() > sweepIntervalMs;
    const pass = { ...dependencies, previous, isSweep };
    const result = await runSteps(STEPS, pass, { logger, isLost: () => isLost, clock });
    dependencies.observePass(result, performance.now() - began);
    await notePass(db);
    if (!result['failed']) sendHeartbeat(dependencies);
    return result;
  } finally {
    clearInterval(renewal);
    await releaseLease(db, holder);
  }
}
