import { sql } from 'kysely';
import type { Reason } from '../../domain/run/reasons.ts';
import type { Database } from '../database.ts';
import { IS_UNSTARTED_OCCURRENCE } from '../rules.ts';
import type { RunRow } from '../schema.ts';

// Queries of the rescue of open runs (scheduling/runs/rescue.ts).

/** Tells whether at least `count` occurrences are due that Temporal has not started yet. */
export async function areWaiting(db: Database, count: number): Promise<boolean> {
  const waiting = db
    .selectFrom('runs')
    .select('id')
    .where(IS_UNSTARTED_OCCURRENCE)
    // In the order of the index of open runs, so that it is used.
    .orderBy('check_at')
    .limit(count);
  const { found } = await db
    .selectFrom(waiting.as('waiting'))
    .select((eb) => eb.fn.countAll<string>().as('found'))
    .executeTakeFirstOrThrow();
  return Number(found) >= count;
}

/** Open runs whose check is due, the longest overdue first. */
export function listRunsToCheck(db: Database, now: Date, limit: number): Promise<RunRow[]> {
  return db
    .selectFrom('runs')
    .selectAll()
    .where('ended_at', 'is', null)
    .where('check_at', '<=', now)
    .orderBy('check_at')
    .limit(limit)
    .execute();
}

/** Postpones the next check of an open run, and stores the id of its workflow run, if given. */
export async function deferCheck(
  db: Database,
  runId: string,
  checkAt: Date,
  temporalRunId?: string,
): Promise<void> {
  await db
    .updateTable('runs')
    .set({ check_at: checkAt, ...(temporalRunId === undefined ? {} : { temporal_run_id: temporalRunId }) })
    .where('id', '=', runId)
    .where('ended_at', 'is', null)
    .execute();
}

/** Has a run that no worker has begun started again, as a workflow with another id, and says why it waits. */
export async function startAnew(
  db: Database,
  runId: string,
  { workflowId, checkAt, reason, reasonCode }: { workflowId: string; checkAt: Date } & Reason,
): Promise<void> {
  await db
    .updateTable('runs')
    .set({
      workflow_id: workflowId,
      temporal_run_id: null,
      check_at: checkAt,
      reason,
      reason_code: reasonCode,
    })
    .where('id', '=', runId)
    .where('state', '=', 'queued')
    .execute();
}

/** Notes that the reconciler is about to start a run. */
export async function noteStartedByReconciler(db: Database, runId: string): Promise<void> {
  await db.updateTable('runs').set({ made_up: true }).where('id', '=', runId).execute();
}

/** The earliest occurrence of a job that Temporal has not started. */
const selectEarliestUnstarted = (db: Database, jobId: string) =>
  db
    .selectFrom('runs')
    .select('id')
    .where('job_id', '=', jobId)
    .where(IS_UNSTARTED_OCCURRENCE)
    .orderBy('scheduled_at')
    .limit(1);

/** Tells whether an occurrence is the earliest of its job that Temporal has not started. */
export async function isEarliestUnstarted(
  db: Database,
  run: Pick<RunRow, 'id' | 'job_id'>,
): Promise<boolean> {
  const earliest = await selectEarliestUnstarted(db, run.job_id).executeTakeFirst();
  return earliest?.id === run.id;
}

/** Has the earliest occurrence of a job that Temporal has not started checked by `checkAt`, for it starts next. */
export async function bringForward(db: Database, jobId: string, checkAt: Date): Promise<void> {
  await db
    .updateTable('runs')
    .set({ check_at: checkAt })
    .where('id', 'in', selectEarliestUnstarted(db, jobId))
    .where('check_at', '>', checkAt)
    .execute();
}

/** The other scheduled runs of a job, as far as a decision on one occurrence depends on them. */
export interface Neighbours {
  /** Started runs of earlier occurrences, the latest first; 20 at most. */
  earlier: Pick<RunRow, 'id' | 'started_at' | 'ended_at' | 'workflow_id' | 'temporal_run_id'>[];
  /** A run of a later occurrence has been started. */
  hasLater: boolean;
  /** A started run is open. */
  hasOpen: boolean;
}

const EARLIER = 20;

/** Finds the scheduled runs of a job around an occurrence. */
export async function findNeighbours(db: Database, run: RunRow): Promise<Neighbours> {
  const started = db
    .selectFrom('runs')
    .where('job_id', '=', run.job_id)
    .where('trigger', '=', 'schedule')
    .where('temporal_run_id', 'is not', null)
    .where('id', '<>', run.id);
  const [earlier, later, open] = await Promise.all([
    started
      .select(['id', 'started_at', 'ended_at', 'workflow_id', 'temporal_run_id'])
      .where('scheduled_at', '<', run.scheduled_at)
      .orderBy('scheduled_at', 'desc')
      .limit(EARLIER)
      .execute(),
    started
      .select(sql`1`.as('one'))
      .where('scheduled_at', '>', run.scheduled_at)
      .limit(1)
      .execute(),
    started
      .select(sql`1`.as('one'))
      .where('ended_at', 'is', null)
      .limit(1)
      .execute(),
  ]);
  return { earlier, hasLater: later.length > 0, hasOpen: open.length > 0 };
}
