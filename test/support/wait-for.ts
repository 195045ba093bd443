import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Resolves with the first truthy value that `probe` gives.
 * @throws Error naming what was waited for, and the last error of the probe, once `timeoutMs` have passed
 */
export async function waitFor<Value>(
  what: string,
  probe: () => Promise<Value> | Value,
  timeoutMs = 60_000,
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
    if (Date.now() > deadline)
      throw new Error(`waited ${timeoutMs} ms in vain for ${what}`, { cause: lastError });
    await sleep(50);
  }
}
