import { sql } from 'kysely';
import type { Source } from '../../domain/job/audit.ts';
import type { Database } from '../database.ts';
import { IS_UNSTARTED } from '../rules.ts';
import { CANCELLED } from './run-progress.ts';
import type { RunRow } from '../schema.ts';

/**
 * Ends a run that Temporal has not started, as far as is known. If Temporal starts it after all, its worker
 * finds it ended. Undefined if there is no such run.
 */
export function cancelUnstarted(
  db: Database,
  namespace: string,
  runId: string,
  { now, source }: { now: Date; source: Source },
): Promise<RunRow | undefined> {
  return db
    .updateTable('runs')
    .set({
      state: CANCELLED.state,
      reason: CANCELLED.reason,
      reason_code: CANCELLED.reasonCode,
      ended_at: now,
      cancel_requested_at: now,
      cancel_source: JSON.stringify(source),
    })
    .where('id', '=', runId)
    .where('namespace', '=', namespace)
    .where(IS_UNSTARTED)
    .returningAll()
    .executeTakeFirst();
}

/**
 * Notes that a started run is to end, and has the reconciler check it by `checkAt`. Undefined if there is no
 * such run, or if it has ended.
 */
export function requestCancel(
  db: Database,
  namespace: string,
  runId: string,
  { now, source, checkAt }: { now: Date; source: Source; checkAt: Date },
): Promise<RunRow | undefined> {
  return db
    .updateTable('runs')
    .set((eb) => ({
      cancel_requested_at: eb.fn.coalesce('cancel_requested_at', eb.val(now)),
      cancel_source: sql<string>`coalesce(cancel_source, ${JSON.stringify(source)}::jsonb)`,
      check_at: eb.fn('least', ['check_at', eb.val(checkAt)]),
    }))
    .where('id', '=', runId)
    .where('namespace', '=', namespace)
    .where('ended_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
}
