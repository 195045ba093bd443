import type { Database } from './database.ts';

/** Runs work in the caller's transaction, or in a new one if the caller has none. */
export function inTransaction<Result>(
  db: Database,
  work: (transaction: Database) => Promise<Result>,
): Promise<Result> {
  return db.isTransaction ? work(db) : db.transaction().execute(work);
}
