import { sql } from 'kysely';
import type { RecordedRunEvent } from '../../domain/run/run-event.ts';
import type { Database } from '../database.ts';

// The stream of changes of runs (migration 0007). Events may commit in a different order from their
// ids. So each one gets its position, `place`, after it was committed, from one process at a time: a reader
// that has seen a position can read every event before it.

/** An event with its position. */
export interface PlacedRunEvent {
  place: number;
  at: Date;
  runId: string;
  jobId: string;
  run: RecordedRunEvent;
}

/** The key of the advisory lock under which events get positions: any number that nothing else uses. */
const LOCK = 7_310_579_442;

/** Gives the next events their positions, unless another process is doing so. Returns how many. */
export function placeEvents(db: Database, limit: number): Promise<number> {
  return db.transaction().execute(async (transaction) => {
    const { rows } = await sql<{
      isOurs: boolean;
    }>`SELECT pg_try_advisory_xact_lock(${LOCK}) AS "isOurs"`.execute(transaction);
    if (!rows[0]?.isOurs) return 0;
    // A second statement, so that it sees what was committed before the lock was taken.
    const { numAffectedRows } = await sql`
      UPDATE run_events SET place = placed.place
      FROM (SELECT id, nextval('run_events_place') AS place
            FROM (SELECT id FROM run_events WHERE place IS NULL ORDER BY id LIMIT ${limit}) AS next) AS placed
      WHERE run_events.id = placed.id`.execute(transaction);
    return Number(numAffectedRows ?? 0);
  });
}

/** The first and the last position that are kept; zero if there is none. */
export async function findPlaces(db: Database): Promise<{ first: number; last: number }> {
  const { rows } = await sql<{ first: string; last: string }>`
    SELECT coalesce((SELECT min(place) FROM run_events), 0) AS first,
           CASE WHEN is_called THEN last_value ELSE 0 END AS last
    FROM run_events_place`.execute(db);
  return { first: Number(rows[0]?.first ?? 0), last: Number(rows[0]?.last ?? 0) };
}

/** The last position; zero if there is none. */
export async function findLastPlace(db: Database): Promise<number> {
  const { rows } = await sql<{ last: string | null }>`SELECT max(place) AS last FROM run_events`.execute(db);
  return Number(rows[0]?.last ?? 0);
}

/** The events after a position, in order: of one job, or of all jobs of a namespace. */
export async function listRunEvents(
  db: Database,
  of: { namespace: string; jobId?: string | undefined },
  after: number,
  limit: number,
): Promise<PlacedRunEvent[]> {
  const rows = await db
    .selectFrom('run_events')
    .select(['place', 'at', 'run_id', 'job_id', 'run'])
    .where('namespace', '=', of.namespace)
    .$if(of.jobId !== undefined, (query) => query.where('job_id', '=', of.jobId as string))
    .where('place', '>', String(after))
    .orderBy('place')
    .limit(limit)
    .execute();
  return rows.map(({ place, at, run_id, job_id, run }) => ({
    place: Number(place),
    at,
    runId: run_id,
    jobId: job_id,
    run,
  }));
}

/** Removes events before `before` that have a position. Returns how many it removed. */
export async function removeOldRunEvents(db: Database, before: Date, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    DELETE FROM run_events WHERE id IN (
      SELECT id FROM run_events WHERE at < ${before} AND place IS NOT NULL ORDER BY at LIMIT ${limit})`.execute(
    db,
  );
  return Number(numAffectedRows ?? 0);
}
