import type { Database } from '../database.ts';
import { CANCELLED } from './run-progress.ts';
import type { RunRow } from '../schema.ts';

/** Ends a run that has not begun; should Temporal begin it yet, it finds that it has ended. Undefined if there is no such run. */
export function cancelUnstarted(
  db: Database,
  namespace: string,
  runId: string,
  now: Date,
): Promise<RunRow | undefined> {
  return db
    .updateTable('runs')
    .set({
      state: CANCELLED.state,
      reason: CANCELLED.reason,
      reason_code: CANCELLED.reasonCode,
      ended_at: now,
      cancel_requested_at: now,
    })
    .where('id', '=', runId)
    .where('namespace', '=', namespace)
    .where('state', '=', 'queued')
    .where('temporal_run_id', 'is', null)
    .returningAll()
    .executeTakeFirst();
}

/**
 * Notes that a run which has been started shall end, and has it looked after at `checkAt`. Undefined if there is no such
 * run, or if it has ended.
 */
export function requestCancel(
  db: Database,
  namespace: string,
  runId: string,
  now: Date,
  checkAt: Date,
): Promise<RunRow | undefined> {
  return db
    .updateTable('runs')
    .set((eb) => ({
      cancel_requested_at: eb.fn.coalesce('cancel_requested_at', eb.val(now)),
      check_at: eb.fn('least', ['check_at', eb.val(checkAt)]),
    }))
    .where('id', '=', runId)
    .where('namespace', '=', namespace)
    .where('ended_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
}
