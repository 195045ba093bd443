import { sql } from 'kysely';
import type { Database } from '../database.ts';
import type { JobRow } from '../schema.ts';

// `jobs.next_run_at` is the next run of a job as of when it was last computed, and never later than the
// actual next run. Either it lies in the future and is right, or it has passed, and the next run has to be
// computed from the schedule.

/** The columns from which the next run of a job is computed. */
export type JobToRun = Pick<JobRow, 'id' | 'generation' | 'schedule' | 'state'>;

/** Jobs whose stored next run has passed by `until`, the longest passed first. */
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

/** The next run of a job, as of a generation. */
export interface NextRunNote {
  id: string;
  generation: number;
  nextRunAt: Date | null;
}

/** Stores the next runs of jobs. A job that has changed meanwhile stays as it is. */
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
