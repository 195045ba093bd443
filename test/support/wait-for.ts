import { setTimeout as sleep } from 'node:timers/promises';

/** Longer than the minute after which the reconciler starts an occurrence that a busy Temporal has missed. */
const TIMEOUT_MS = 100_000;

/**
 * Calls `probe` until it returns a truthy value, and resolves with it. Errors of `probe` are retried.
 * @throws Error after `timeoutMs` that names `what`, with the last error of `probe` as its cause
 */
export async function waitFor<Value>(
  what: string,
  probe: () => Promise<Value> | Value,
  timeoutMs = TIMEOUT_MS,
): Promise<NonNullable<Value>> {
  const deadline = Date.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
    } catch (error) {
      lastError = error;
    }
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause: lastError });
    await sleep(50);
  }
}
