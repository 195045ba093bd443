import { sql } from 'kysely';
import type { Database } from './database.ts';
import type { JobRow } from './schema.ts';

/** The jobs whose occurrences are to be accounted for, the longest due first. */
export function listToAccount(db: Database, now: Date, limit: number): Promise<JobRow[]> {
  return db
    .selectFrom('jobs')
    .selectAll()
    .where('account_at', '<=', now)
    .where('deleted_at', 'is', null)
    .orderBy('account_at')
    .limit(limit)
    .execute();
}

/** Up to where a job, as of a generation, has been accounted for, and when it is to be next. */
export interface AccountAdvance {
  id: string;
  generation: number;
  accountedTo: Date;
  accountAt: Date | null;
}

/** Notes what has been accounted for, of those jobs that did not change meanwhile. */
export async function advanceAccounts(db: Database, advances: AccountAdvance[]): Promise<void> {
  if (advances.length === 0) return;
  const column = <Value>(select: (advance: AccountAdvance) => Value) => advances.map(select);
  await sql`
    UPDATE jobs SET accounted_to = advance.accounted_to, account_at = advance.account_at
    FROM unnest(${column(({ id }) => id)}::uuid[], ${column(({ generation }) => generation)}::integer[],
                ${column(({ accountedTo }) => accountedTo)}::timestamptz[],
                ${column(({ accountAt }) => accountAt)}::timestamptz[])
      AS advance (id, generation, accounted_to, account_at)
    WHERE jobs.id = advance.id AND jobs.generation = advance.generation`.execute(db);
}
