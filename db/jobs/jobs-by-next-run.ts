import { sql } from 'kysely';
import type { Database } from '../database.ts';
import { jobsOf, type JobFilter } from './job-lists.ts';
import type { JobToRun } from './next-runs.ts';

// The list of jobs in the order of their stored next runs (next-runs.ts). Jobs whose stored next run has
// passed are in no useful order.

/** A job's position in that list. Null: it has no next run, and comes after the jobs that have one. */
export interface NextRunPlace {
  nextRunAt: Date | null;
  id: string;
}

/** Jobs of a list whose stored next runs have passed by `now`, in the order of these, beginning after a position. */
export function listPassed(
  db: Database,
  filter: JobFilter,
  now: Date,
  page: { after: NextRunPlace | undefined; limit: number },
): Promise<(JobToRun & { next_run_at: Date | null })[]> {
  const { after } = page;
  return jobsOf(db, filter)
    .select(['id', 'generation', 'schedule', 'state', 'next_run_at'])
    .where('next_run_at', '<=', now)
    .$if(after !== undefined, (query) => query.where(isAfter(after as NextRunPlace)))
    .orderBy('next_run_at')
    .orderBy('id')
    .limit(page.limit)
    .execute();
}

/** The positions of the other jobs of a list, in its order, beginning after a position. */
export async function listNoted(
  db: Database,
  filter: JobFilter,
  now: Date,
  page: { after: NextRunPlace | undefined; limit: number },
): Promise<NextRunPlace[]> {
  const { after, limit } = page;
  const places = jobsOf(db, filter).select(['id', 'next_run_at as nextRunAt']);
  const isOver = after?.nextRunAt === null;
  const withNext = isOver
    ? []
    : await places
        // Only the later of the two bounds matters.
        .where(
          after?.nextRunAt && after.nextRunAt > now ? isAfter(after) : sql<boolean>`next_run_at > ${now}`,
        )
        .orderBy('next_run_at')
        .orderBy('id')
        .limit(limit)
        .execute();
  if (withNext.length === limit) return withNext;
  const without = await places
    .where('next_run_at', 'is', null)
    .$if(isOver, (query) => query.where('id', '>', (after as NextRunPlace).id))
    .orderBy('id')
    .limit(limit - withNext.length)
    .execute();
  return [...withNext, ...without];
}

const isAfter = ({ nextRunAt, id }: NextRunPlace) => sql<boolean>`(next_run_at, id) > (${nextRunAt}, ${id})`;
