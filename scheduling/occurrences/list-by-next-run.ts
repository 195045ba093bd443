import type { Database } from '../../db/database.ts';
import { findJobs, type JobFilter } from '../../db/jobs/job-lists.ts';
import { listNoted, listPassed, type NextRunPlace } from '../../db/jobs/jobs-by-next-run.ts';
import type { JobRow } from '../../db/schema.ts';
import type { Logger } from '../../platform/logger.ts';
import { findNextRuns } from './next-runs.ts';

/** Jobs that are read at once to compute their next runs. */
const BATCH = 250;

/** A job of the list, and its position in it. */
export interface JobByNextRun {
  job: JobRow;
  place: NextRunPlace;
}

/**
 * One page of jobs in the order of their next runs after `now`, beginning after a position. Jobs without a
 * next run come last. The stored next run of most jobs holds (db/jobs/next-runs.ts). Where it has passed, as
 * for jobs that fired within the last half minute or so, the next run is computed from the schedule.
 */
export function listJobsByNextRun(
  { db, logger }: { db: Database; logger: Logger },
  filter: JobFilter,
  now: Date,
  page: { after?: NextRunPlace | undefined; limit: number },
): Promise<JobByNextRun[]> {
  // One snapshot of all jobs, for the stored next runs change meanwhile.
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (snapshot) => {
      const { after, limit } = page;
      let places = await listNoted(snapshot, filter, now, { after, limit });
      let last: NextRunPlace | undefined;
      for (;;) {
        const passed = await listPassed(snapshot, filter, now, { after: last, limit: BATCH });
        const nextRuns = await findNextRuns({ db: snapshot, logger }, passed, now);
        const computed = [...nextRuns].map(([id, next]) => ({
          nextRunAt: next === null ? null : new Date(next),
          id,
        }));
        const here = after ? computed.filter((place) => compare(place, after) > 0) : computed;
        places = [...places, ...here].sort(compare).slice(0, limit);
        const end = passed.at(-1);
        if (end === undefined || passed.length < BATCH) break;
        last = { nextRunAt: end.next_run_at, id: end.id };
      }
      const jobs = await findJobs(snapshot, places);
      return places.map((place) => ({ job: jobs.get(place.id) as JobRow, place }));
    });
}

/** Compares positions; ids as Postgres compares them. */
function compare(one: NextRunPlace, other: NextRunPlace): number {
  const [first, second] = [one, other].map(({ nextRunAt }) => nextRunAt?.getTime() ?? Infinity);
  if (first !== second) return (first as number) < (second as number) ? -1 : 1;
  return one.id < other.id ? -1 : Number(one.id > other.id);
}
