import type { Database } from '../database.ts';

// The lease of the reconciler, in the one row of its table: one process at a time holds it.

/** When the reconciler last finished a pass and a sweep. */
export interface ReconcilerState {
  passedAt: Date;
  sweptAt: Date;
}

/** Takes or renews the lease. Returns undefined if another process holds it. */
export async function takeLease(
  db: Database,
  holder: string,
  now: Date,
  until: Date,
): Promise<ReconcilerState | undefined> {
  const row = await db
    .updateTable('reconciler')
    .set({ holder, lease_until: until })
    .where((eb) => eb.or([eb('holder', '=', holder), eb('lease_until', '<', now)]))
    .returning(['passed_at', 'swept_at'])
    .executeTakeFirst();
  return row && { passedAt: row.passed_at, sweptAt: row.swept_at };
}

/** Releases the lease. */
export async function releaseLease(db: Database, holder: string, now: Date): Promise<void> {
  await db
    .updateTable('reconciler')
    .set({ holder: null, lease_until: now })
    .where('holder', '=', holder)
    .execute();
}

/** Stores when a pass, or a sweep, has ended. */
export async function noteReconciled(
  db: Database,
  done: { passed_at: Date } | { swept_at: Date },
): Promise<void> {
  await db.updateTable('reconciler').set(done).execute();
}

/** When a pass last ended. */
export async function findLastPass(db: Database): Promise<Date> {
  const { passed_at } = await db.selectFrom('reconciler').select('passed_at').executeTakeFirstOrThrow();
  return passed_at;
}
