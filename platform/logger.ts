import pino from 'pino';
import { prettyFactory } from 'pino-pretty';
import { REDACT, redactLine } from './log-redaction.ts';

/** A structured logger: one JSON object a line, on standard output. */
export type Logger = pino.Logger;

/**
 * Makes the logger of a process; `name` says which one in every line. On a terminal, unless this is production, the lines
 * are for people to read. What looks like a secret is in none of them.
 */
export function createLogger(options: { level: string; name: string }): Logger {
  // A reader of the log that goes away must not take the process with it. pino's own stream would try for ever to write
  // its last lines to a broken pipe, and the process could not end.
  if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', () => undefined);
  const isReadable = process.stdout.isTTY && process.env['NODE_ENV'] !== 'production';
  return createLoggerTo(isReadable ? toReadable(process.stdout) : process.stdout, options);
}

/** Makes a logger that writes its lines to `stream`. */
export function createLoggerTo(
  stream: pino.DestinationStream,
  options: { level: string; name: string },
): Logger {
  const settings = {
    level: options.level,
    base: { service: options.name, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: serializeError },
    redact: REDACT,
    hooks: { streamWrite: redactLine },
  };
  return pino(settings, stream);
}

/** Lines for people. Written at once and in this thread, so that the last words of a process are not lost. */
function toReadable(stream: pino.DestinationStream): pino.DestinationStream {
  const toLine = prettyFactory({
    colorize: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid',
    singleLine: true,
  });
  return { write: (line) => stream.write(toLine(line)) };
}

/** What a reader of the log wants of an error. Libraries hang whole connections onto theirs, with their passwords. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? { code: error.code } : {};
  const cause = error.cause === undefined ? {} : { cause: serializeError(error.cause) };
  return { type: error.name, message: error.message, ...code, stack: error.stack, ...cause };
}
