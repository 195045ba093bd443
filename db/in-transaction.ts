import type { Database } from './database.ts';

/** Does something in the caller's transaction, or in one of its own if the caller has none. */
export function inTransaction<Result>(
  db: Database,
  work: (transaction: Database) => Promise<Result>,
): Promise<Result> {
  return db.isTransaction ? work(db) : db.transaction().execute(work);
}
