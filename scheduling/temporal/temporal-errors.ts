import {
  isGrpcServiceError,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { status } from '@grpc/grpc-js';
import { ServerAwayError, type Health } from '../../platform/circuit-breaker.ts';

/** CANCELLED is among them: no call is cancelled by us, and so says a server that ends a call at its deadline before we do. */
const AWAY = [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED];

/** Tells whether a call failed because Temporal could not be reached in time, rather than because it refused. */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof ServerAwayError) return true;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (isGrpcServiceError(cause)) return AWAY.includes(cause.code);
    if (cause.message.includes('Failed to connect before the deadline')) return true;
  }
  return false;
}

/** What the SDK makes of answers of the server. */
const ANSWERS = [
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
];

/** What an error says of Temporal. One of the database, or of our own, says nothing, whatever is asked on the way. */
export function classifyTemporalError(error: unknown): Health {
  if (isUnreachable(error)) return 'away';
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if (isGrpcServiceError(cause) || ANSWERS.some((answer) => cause instanceof answer)) return 'answered';
  return 'unknown';
}

/** Tells whether Temporal refused what it was given for what it is, so that giving it again is of no use. */
export function isInvalid(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if (isGrpcServiceError(cause)) return cause.code === status.INVALID_ARGUMENT;
  return false;
}

/** Longer than this, what Temporal says is cut: it may quote all of a schedule. */
const LONGEST_WORDS = 500;

/**
 * Why Temporal did not take what it was given, in words for the user of a job: what the server itself says, in one line.
 * The SDK's own message says only what was attempted. Pure.
 */
export function describeRefusal(error: unknown): string {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if (isGrpcServiceError(cause)) {
      const words = toWords(cause.details);
      return words === ''
        ? `Temporal refuses it without saying why (${status[cause.code] ?? cause.code})`
        : `Temporal refuses it: ${words}`;
    }
  return `it could not be brought to Temporal: ${toWords(error instanceof Error ? error.message : String(error))}`;
}

/** One line without its full stop, and without how a server names the answer of another one. */
function toWords(text: string): string {
  const line = text.replace(/(?:rpc error: )?code = \w+ desc = /g, '').replace(/\s+/g, ' ');
  const cut = line.length > LONGEST_WORDS ? `${line.slice(0, LONGEST_WORDS)}…` : line;
  return cut.trim().replace(/\.$/, '');
}
