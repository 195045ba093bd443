import { ConfigError } from './config.ts';
import type { Logger } from './logger.ts';

/**
 * Resolves with the reason when this process is asked to end: by SIGINT or SIGTERM, or because the parent that started
 * it with a message channel is gone, so that no child outlives a supervisor that was killed.
 */
export function whenAskedToStop(): Promise<string> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve('SIGINT'));
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('disconnect', () => resolve('the parent process is gone'));
  });
}

/** Tells the parent process, if it listens, that this one is ready, and on which port. */
export function announceReady(port: number): void {
  process.send?.({ ready: true, port });
}

/**
 * Runs the steps one after another, each even if those before it failed, and ends the process: with 0, or with 1 if a
 * step failed. A step that takes longer than `timeoutMs` ends the process as well.
 */
export async function shutDown(
  logger: Logger,
  timeoutMs: number,
  steps: Record<string, () => Promise<unknown>>,
): Promise<never> {
  let failed = false;
  const timer = setTimeout(() => {
    logger.error({ timeoutMs }, 'shutdown took too long');
    process.exit(1);
  }, timeoutMs);
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
    } catch (error) {
      failed = true;
      logger.error({ err: error, step: name }, 'shutdown step failed');
    }
  }
  clearTimeout(timer);
  logger.info('stopped');
  process.exit(failed ? 1 : 0);
}

/**
 * Reads the configuration of a process, before it makes a logger or anything else. A wrong variable ends it, and is for the
 * eyes of whoever types the command: plain text, no stack.
 */
export function configureOrExit<Configuration>(read: () => Configuration): Configuration {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}

/** Ends a process that could not start, with the reason. */
export function failStart(logger: Logger, error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  logger.fatal({ err: error }, message);
  process.exit(1);
}
