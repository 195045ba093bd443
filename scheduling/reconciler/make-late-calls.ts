import type { Database } from '../../db/database.ts';
import { listUnmadeCalls, type UnmadeCall } from '../../db/upkeep/lateness.ts';
import { concurrently } from '../../platform/concurrently.ts';
import type { Logger } from '../../platform/logger.ts';

/** Makes one attempt of a call without a workflow, unless somebody else does. Returns whether it made a call. */
export type CallWithoutTemporal = (call: UnmadeCall) => Promise<boolean>;

const AT_ONCE = 8;
const CALLS = 80;

/**
 * Makes the calls of `onLate` and `onTime` that no workflow has begun in time: Temporal is away, or no worker lives. One
 * that fails keeps none of the others from being made. Returns how many it made.
 */
export async function makeLateCalls(
  {
    db,
    logger,
    callWithoutTemporal,
  }: { db: Database; logger: Logger; callWithoutTemporal: CallWithoutTemporal },
  { now, isOver }: { now: Date; isOver: () => boolean },
): Promise<number> {
  let made = 0;
  await concurrently(await listUnmadeCalls(db, now, CALLS), AT_ONCE, async (call) => {
    if (isOver()) return;
    try {
      if (await callWithoutTemporal(call)) made += 1;
    } catch (error) {
      logger.error({ err: error, jobId: call.job_id, runId: call.id }, 'could not make the call of a hook');
    }
  });
  return made;
}
