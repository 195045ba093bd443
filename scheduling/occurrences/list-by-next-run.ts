import type { Database } from '../../db/database.ts';
import { findJobs, type JobFilter } from '../../db/jobs/job-lists.ts';
import { listNoted, listPassed, type NextRunPlace } from '../../db/jobs/jobs-by-next-run.ts';
import type { JobRow } from '../../db/schema.ts';
import type { Logger } from '../../platform/logger.ts';
import { findNextRuns } from './next-runs.ts';

/** Jobs that are read at once, to have their next runs worked out. */
const AT_ONCE = 250;

/** A job of the list, and its place there. */
export interface JobByNextRun {
  job: JobRow;
  place: NextRunPlace;
}

/**
 * One page of jobs in the order of their next runs after `now`, which are those that their schedules tell, beginning after
 * a place; those without a next run come last. Most are noted and in order (db/jobs/next-runs.ts). Those whose noted run has
 * passed, which are the ones that have fired within the last half minute or so, are each worked out anew.
 */
export function listJobsByNextRun(
  { db, logger }: { db: Database; logger: Logger },
  filter: JobFilter,
  now: Date,
  page: { after?: NextRunPlace | undefined; limit: number },
): Promise<JobByNextRun[]> {
  // One view of all jobs: notes are renewed meanwhile.
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (view) => {
      const { after, limit } = page;
      let places = await listNoted(view, filter, now, { after, limit });
      let last: NextRunPlace | undefined;
      for (;;) {
        const passed = await listPassed(view, filter, now, { after: last, limit: AT_ONCE });
        const nextRuns = await findNextRuns({ db: view, logger }, passed, now);
        const worked = [...nextRuns].map(([id, next]) => ({
          nextRunAt: next === null ? null : new Date(next),
          id,
        }));
        const here = after ? worked.filter((place) => compare(place, after) > 0) : worked;
        places = [...places, ...here].sort(compare).slice(0, limit);
        const end = passed.at(-1);
        if (end === undefined || passed.length < AT_ONCE) break;
        last = { nextRunAt: end.next_run_at, id: end.id };
      }
      const jobs = await findJobs(view, places);
      return places.map((place) => ({ job: jobs.get(place.id) as JobRow, place }));
    });
}

/** Ids are compared as Postgres compares them. */
function compare(one: NextRunPlace, other: NextRunPlace): number {
  const [first, second] = [one, other].map(({ nextRunAt }) => nextRunAt?.getTime() ?? Infinity);
  if (first !== second) return (first as number) < (second as number) ? -1 : 1;
  return one.id < other.id ? -1 : Number(one.id > other.id);
}
