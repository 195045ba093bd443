import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from './logger.ts';

/** A process gives what it needs this long to come up; then it ends, and whoever supervises it starts it anew. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 1_000;

/**
 * Tries a step of a process' start until it succeeds, and says in the log what it waits for.
 * @throws the last error, once patience is at its end
 */
export async function retryUntilUp<Result>(
  logger: Logger,
  what: string,
  step: () => Promise<Result>,
): Promise<Result> {
  const deadline = Date.now() + PATIENCE_MS;
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
