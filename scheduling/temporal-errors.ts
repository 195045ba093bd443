import {
  isGrpcServiceError,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { status } from '@grpc/grpc-js';
import { ServerAwayError, type Health } from '../platform/outage.ts';

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
export function judgeTemporal(error: unknown): Health {
  if (isUnreachable(error)) return 'away';
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if (isGrpcServiceError(cause) || ANSWERS.some((answer) => cause instanceof answer)) return 'answered';
  return 'unknown';
}
