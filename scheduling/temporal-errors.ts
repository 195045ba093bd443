import { isGrpcServiceError } from '@temporalio/client';
import { status } from '@grpc/grpc-js';
import { ServerAwayError } from '../platform/outage.ts';

/** Tells whether a call failed because Temporal could not be reached in time, rather than because it refused. */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof ServerAwayError) return true;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (isGrpcServiceError(cause))
      return cause.code === status.UNAVAILABLE || cause.code === status.DEADLINE_EXCEEDED;
    if (cause.message.includes('Failed to connect before the deadline')) return true;
  }
  return false;
}
