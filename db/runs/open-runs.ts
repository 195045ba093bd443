import { sql } from 'kysely';
import type { Database } from '../database.ts';
import type { RunRow } from '../schema.ts';

// What the sweeper of open runs asks and notes (scheduling/runs/rescue.ts).

/** Tells whether at least so many occurrences are due that Temporal has not brought to a worker yet. */
export async function areWaiting(db: Database, count: number): Promise<boolean> {
  const waiting = db
    .selectFrom('runs')
    .select('id')
    .where('ended_at', 'is', null)
    .where('state', '=', 'queued')
    .where('trigger', '=', 'schedule')
    .where('temporal_run_id', 'is', null)
    // By the index of open runs.
    .orderBy('check_at')
    .limit(count);
  const { found } = await db
    .selectFrom(waiting.as('waiting'))
    .select((eb) => eb.fn.countAll<string>().as('found'))
    .executeTakeFirstOrThrow();
  return Number(found) >= count;
}

/** Open runs that it is time to look at, the longest due first. */
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

/** Puts off the next look at an open run, and notes its workflow if that has become known. */
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

/** Notes that the reconciler is about to start a run. */
export async function noteStartedByReconciler(db: Database, runId: string): Promise<void> {
  await db.updateTable('runs').set({ made_up: true }).where('id', '=', runId).execute();
}

/** The occurrences of a job that nobody has started, the earliest first. */
const line = (db: Database, jobId: string) =>
  db
    .selectFrom('runs')
    .select('id')
    .where('job_id', '=', jobId)
    .where('ended_at', 'is', null)
    .where('trigger', '=', 'schedule')
    .where('temporal_run_id', 'is', null)
    .orderBy('scheduled_at')
    .limit(1);

/** Tells whether an occurrence is the earliest of its job that nobody has started. */
export async function isEarliestUnstarted(
  db: Database,
  run: Pick<RunRow, 'id' | 'job_id'>,
): Promise<boolean> {
  const first = await line(db, run.job_id).executeTakeFirst();
  return first?.id === run.id;
}

/** Has the earliest occurrence of a job that nobody has started looked at soon: its turn is next. */
export async function bringForward(db: Database, jobId: string, checkAt: Date): Promise<void> {
  await db
    .updateTable('runs')
    .set({ check_at: checkAt })
    .where('id', 'in', line(db, jobId))
    .where('check_at', '>', checkAt)
    .execute();
}

/** What an occurrence has to know of the other scheduled runs of its job. */
export interface Neighbours {
  /** Those due before it that Temporal has started, the latest first. */
  earlier: Pick<RunRow, 'id' | 'started_at' | 'ended_at' | 'workflow_id' | 'temporal_run_id'>[];
  /** Tells whether one due after it has been started. */
  hasLater: boolean;
  /** Tells whether any is under way. */
  hasOpen: boolean;
}

const EARLIER = 20;

/** The scheduled runs of a job around an occurrence. */
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
