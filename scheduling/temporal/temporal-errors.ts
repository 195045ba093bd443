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

/**
 * CANCELLED is among them: this service cancels no calls, but a server may end a call at its deadline with
 * this code.
 */
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

/** The SDK's errors for refusals by the server. */
const ANSWERS = [
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
];

/** What an error says about Temporal's health: nothing, if it comes from the database or from this service. Pure. */
export function classifyTemporalError(error: unknown): Health {
  if (isUnreachable(error)) return 'away';
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if (isGrpcServiceError(cause) || ANSWERS.some((answer) => cause instanceof answer)) return 'answered';
  return 'unknown';
}

/** Tells whether Temporal refused a request for its content, so that sending it again is of no use. Pure. */
export function isInvalid(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if (isGrpcServiceError(cause)) return cause.code === status.INVALID_ARGUMENT;
  return false;
}

/** Tells whether Temporal does not know what a request is about, or has closed it. Pure. */
export const isNotFound = (error: unknown): boolean =>
  isGrpcServiceError(error) && error.code === status.NOT_FOUND;

/** The longest message of Temporal that is passed on: it may quote a whole schedule. */
const LONGEST_WORDS = 500;

/**
 * Why Temporal refused a job, for the job's user: the server's own message, in one line. The SDK's message
 * only says what was attempted. Pure.
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

/** One line without a full stop at its end, and without the prefixes that servers add to errors of others. */
function toWords(text: string): string {
  const line = text.replace(/(?:rpc error: )?code = \w+ desc = /g, '').replace(/\s+/g, ' ');
  const cut = line.length > LONGEST_WORDS ? `${line.slice(0, LONGEST_WORDS)}…` : line;
  return cut.trim().replace(/\.$/, '');
}
