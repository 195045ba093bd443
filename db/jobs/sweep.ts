import type { Database } from '../database.ts';
import type { JobRow } from '../schema.ts';

// What the sweep over all schedules asks of jobs (scheduling/schedules/drift.ts).

/** What a sweep has to know of a job. */
export type SweptJob = Pick<JobRow, 'id' | 'state' | 'schedule_generation' | 'deleted_at'>;

/** Jobs, tombstones among them, of these ids. */
export async function listSwept(db: Database, ids: string[]): Promise<Map<string, SweptJob>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('jobs')
    .select(['id', 'state', 'schedule_generation', 'deleted_at'])
    .where('id', 'in', ids)
    .execute();
  return new Map(rows.map((row) => [row.id, row]));
}

/** Jobs that have a schedule in Temporal, as far as we know, and did not change after `before`; by id, after `afterId`. */
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
