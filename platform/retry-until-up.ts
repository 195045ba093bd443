import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from './logger.ts';

/** After this time the process gives up and ends. Its supervisor then starts it again. */
const TIMEOUT_MS = 60_000;
const PAUSE_MS = 1_000;

/**
 * Repeats a step of the start of a process every second until it succeeds, and logs what it waits for.
 * @throws the last error of the step, after a minute
 */
export async function retryUntilUp<Result>(
  logger: Logger,
  what: string,
  step: () => Promise<Result>,
): Promise<Result> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      logger.warn({ reason: error instanceof Error ? error.message : String(error) }, `waiting for ${what}`);
      await sleep(PAUSE_MS);
    }
  }
}
