import type { Context } from '@temporalio/activity';

/** Also how soon an activity learns that it was cancelled. */
const HEARTBEAT_MS = 1_000;

/** Sends heartbeats while an activity works, so that a worker that dies is noticed by its silence. */
export async function withHeartbeats<Result>(context: Context, work: () => Promise<Result>): Promise<Result> {
  const heartbeat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
  }
}
