import { sql } from 'kysely';
import type { Database } from '../database.ts';
import type { JobRow } from '../schema.ts';

// `jobs.next_run_at` is the next run of a job as of when it was last worked out, so never later than the next one is: either
// it lies in the future and is true, or it has passed, and the next run has to be worked out from the schedule.

/** What it takes to work out when a job runs next. */
export type JobToRun = Pick<JobRow, 'id' | 'generation' | 'schedule' | 'state'>;

/** Jobs whose noted next run has passed by `until`, the longest passed first. */
export function listPassedNextRuns(db: Database, until: Date, limit: number): Promise<JobToRun[]> {
  return db
    .selectFrom('jobs')
    .select(['id', 'generation', 'schedule', 'state'])
    .where('next_run_at', '<=', until)
    .where('deleted_at', 'is', null)
    .orderBy('next_run_at')
    .limit(limit)
    .execute();
}

/** When a job, as of a generation, runs next. */
export interface NextRunNote {
  id: string;
  generation: number;
  nextRunAt: Date | null;
}

/** Notes when jobs run next, of those that did not change meanwhile. */
export async function noteNextRuns(db: Database, notes: NextRunNote[]): Promise<void> {
  if (notes.length === 0) return;
  const column = <Value>(select: (note: NextRunNote) => Value) => notes.map(select);
  await sql`
    UPDATE jobs SET next_run_at = note.next_run_at
    FROM unnest(${column(({ id }) => id)}::uuid[], ${column(({ generation }) => generation)}::integer[],
                ${column(({ nextRunAt }) => nextRunAt)}::timestamptz[])
      AS note (id, generation, next_run_at)
    WHERE jobs.id = note.id AND jobs.generation = note.generation`.execute(db);
}
