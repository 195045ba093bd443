import pino from 'pino';
import { prettyFactory } from 'pino-pretty';
import { REDACT, redactLine } from './log-redaction.ts';

/** A structured logger (pino). */
export type Logger = pino.Logger;

/**
 * The logger of a process, whose `name` is in every line. Writes JSON lines to standard output; on a terminal outside of
 * production, readable lines instead. Redacts everything that looks like a secret.
 */
export function createLogger(options: { level: string; name: string }): Logger {
  // A broken pipe must not end the process. pino's own stream would retry the write forever, and keep the process from ending.
  if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', () => undefined);
  const isForPeople = process.stdout.isTTY && process.env['NODE_ENV'] !== 'production';
  return createLoggerTo(isForPeople ? toReadable(process.stdout) : process.stdout, options);
}

/** The same logger, which writes JSON lines to `stream`. */
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

/** Formats lines for people. Writes synchronously, so that the last lines of a process are not lost. */
function toReadable(stream: pino.DestinationStream): pino.DestinationStream {
  const toLine = prettyFactory({
    colorize: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid',
    singleLine: true,
  });
  return { write: (line) => stream.write(toLine(line)) };
}

/** Type, message, code, stack and cause of an error. Its other fields can hold connections with their passwords. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? { code: error.code } : {};
  const cause = error.cause === undefined ? {} : { cause: serializeError(error.cause) };
  return { type: error.name, message: error.message, ...code, stack: error.stack, ...cause };
}
