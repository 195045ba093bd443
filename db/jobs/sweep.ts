import type { Database } from '../database.ts';
import type { JobRow } from '../schema.ts';

// Queries of the sweep that repairs drift (scheduling/schedules/drift.ts).

/** The columns of a job with which a sweep compares its schedule. */
export type SweptJob = Pick<JobRow, 'id' | 'state' | 'listed_hash' | 'deleted_at'>;

/** The jobs and tombstones with these ids. */
export async function listSwept(db: Database, ids: string[]): Promise<Map<string, SweptJob>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('jobs')
    .select(['id', 'state', 'listed_hash', 'deleted_at'])
    .where('id', 'in', ids)
    .execute();
  return new Map(rows.map((row) => [row.id, row]));
}

/**
 * One page of the jobs that are known to have a schedule in Temporal, written before `before`; by id, after
 * `afterId`.
 */
export async function listScheduled(
  db: Database,
  before: Date,
  afterId: string | undefined,
  limit: number,
): Promise<string[]> {
  const rows = await db
    .selectFrom('jobs')
    .select('id')
    .where('deleted_at', 'is', null)
    .where('state', '<>', 'completed')
    .whereRef('observed_generation', '=', 'generation')
    .where('schedule_put_at', '<', before)
    .$if(afterId !== undefined, (query) => query.where('id', '>', afterId as string))
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}
