import { sql } from 'kysely';
import type { Database } from '../database.ts';

// The lease of the reconciler, in the one row of its table: one process at a time holds it. It goes by the clock of Postgres:
// by their own clocks, a process that is ahead would keep all others waiting long after it has died.
const now = sql<Date>`now()`;

/** The state of the reconciler as of `now`, by the clock of Postgres. */
export interface LeasedState extends ReconcilerState {
  now: Date;
}

/** When the reconciler last finished a pass and a sweep, and how far it has compared the schedules. */
export interface ReconcilerState {
  passedAt: Date;
  sweptAt: Date;
  /** The job up to which a round has compared the schedules; null if none is in progress. */
  comparedTo: string | null;
  /** When the last round began. */
  roundAt: Date;
}

/** Takes or renews the lease for some milliseconds. Returns undefined if another process holds it. */
export async function takeLease(
  db: Database,
  holder: string,
  leaseMs: number,
): Promise<LeasedState | undefined> {
  const row = await db
    .updateTable('reconciler')
    .set({ holder, lease_until: sql<Date>`now() + ${leaseMs} * interval '1 millisecond'` })
    .where((eb) => eb.or([eb('holder', '=', holder), eb('lease_until', '<', now)]))
    .returning(['passed_at', 'swept_at', 'compared_to', 'round_at', now.as('now')])
    .executeTakeFirst();
  return (
    row && {
      now: row.now,
      passedAt: row.passed_at,
      sweptAt: row.swept_at,
      comparedTo: row.compared_to,
      roundAt: row.round_at,
    }
  );
}

/** Releases the lease. */
export async function releaseLease(db: Database, holder: string): Promise<void> {
  await db
    .updateTable('reconciler')
    .set({ holder: null, lease_until: now })
    .where('holder', '=', holder)
    .execute();
}

/** Stores that a pass has ended. */
export async function notePass(db: Database): Promise<void> {
  await db.updateTable('reconciler').set({ passed_at: now }).execute();
}

/** Stores when a sweep has ended. */
export async function noteSweep(db: Database, sweptAt: Date): Promise<void> {
  await db.updateTable('reconciler').set({ swept_at: sweptAt }).execute();
}

/** Stores up to which job a round has compared the schedules, null at its end, and when it began. */
export async function noteRound(db: Database, comparedTo: string | null, roundAt: Date): Promise<void> {
  await db.updateTable('reconciler').set({ compared_to: comparedTo, round_at: roundAt }).execute();
}

/** For how many milliseconds no pass has ended. */
export async function findSilence(db: Database): Promise<number> {
  const { silence } = await db
    .selectFrom('reconciler')
    .select(sql<number>`(extract(epoch FROM now() - passed_at) * 1000)::float8`.as('silence'))
    .executeTakeFirstOrThrow();
  return silence;
}

/** Whether a heartbeat is due: of all that ask within a minute, the first one is told so. */
export async function takeHeartbeat(db: Database): Promise<boolean> {
  const taken = await db
    .updateTable('reconciler')
    .set({ heartbeat_at: now })
    // A little less than a minute, because passes do not come on the second.
    .where('heartbeat_at', '<=', sql<Date>`now() - interval '58 s'`)
    .executeTakeFirst();
  return taken.numUpdatedRows > 0n;
}
