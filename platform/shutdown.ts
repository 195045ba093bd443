import { ConfigError } from './config.ts';
import type { Logger } from './logger.ts';

/**
 * Resolves with the reason when this process should stop: SIGINT, SIGTERM, or the end of the parent that started it with an IPC
 * channel. So no child outlives a supervisor that was killed.
 */
export function whenAskedToStop(): Promise<string> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve('SIGINT'));
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('disconnect', () => resolve('the parent process is gone'));
  });
}

/** Tells the parent process, if there is an IPC channel, that this one is ready, and its port. */
export function announceReady(port: number): void {
  process.send?.({ ready: true, port });
}

/**
 * Runs the steps one after another, even if some fail, and exits: with 0, or with 1 if a step failed or all of them together
 * take longer than `timeoutMs`.
 */
export async function shutDown(
  logger: Logger,
  timeoutMs: number,
  steps: Record<string, () => Promise<unknown>>,
): Promise<never> {
  let hasFailed = false;
  const timer = setTimeout(() => {
    logger.error({ timeoutMs }, 'shutdown took too long');
    process.exit(1);
  }, timeoutMs);
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
    } catch (error) {
      hasFailed = true;
      logger.error({ err: error, step: name }, 'shutdown step failed');
    }
  }
  clearTimeout(timer);
  logger.info('stopped');
  process.exit(hasFailed ? 1 : 0);
}

/** Reads the configuration of a process, before there is a logger. Exits with a plain message if a variable is wrong. */
export function configureOrExit<Configuration>(read: () => Configuration): Configuration {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}

/** Logs why a process could not start, and exits with 1. */
export function failStart(logger: Logger, error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  logger.fatal({ err: error }, message);
  process.exit(1);
}
