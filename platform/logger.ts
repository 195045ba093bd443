import pino from 'pino';

/** A structured logger: one JSON object a line, on standard output. */
export type Logger = pino.Logger;

/** Makes the logger of a process; `name` says which one in every line. */
export function createLogger(options: { level: string; name: string }): Logger {
  // A reader of the log that goes away must not take the process with it. pino's own stream would try for ever to write
  // its last lines to a broken pipe, and the process could not end.
  if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', () => undefined);
  const settings = {
    level: options.level,
    base: { service: options.name, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: serializeError },
  };
  return pino(settings, process.stdout);
}

/** What a reader of the log wants of an error. Libraries hang whole connections onto theirs, with their passwords. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? { code: error.code } : {};
  const cause = error.cause === undefined ? {} : { cause: serializeError(error.cause) };
  return { type: error.name, message: error.message, ...code, stack: error.stack, ...cause };
}
