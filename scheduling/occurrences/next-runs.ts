import { setImmediate } from 'node:timers/promises';
import type { Database } from '../../db/database.ts';
import { listPassedNextRuns, noteNextRuns, type NextRunNote } from '../../db/jobs/next-runs.ts';
import { countScheduledRuns } from '../../db/runs/runs.ts';
import type { JobRow } from '../../db/schema.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { Logger } from '../../platform/logger.ts';
import { upcomingOf } from './upcoming.ts';

// The next run of each job, noted for the list that is sorted by it (db/jobs/next-runs.ts).

/** A note is renewed so long after its instant has passed: of a job that fires every second, no more often than this. */
const PASSED_FOR_MS = 30 * SECOND_MS;
/** Jobs whose next runs are worked out without letting others have a turn: a schedule may take milliseconds. */
const IN_ONE_TURN = 10;

/** Said of a job whose next run is not known: it has passed, and so is worked out by whoever asks. */
const UNKNOWN = new Date(0);

/** What is noted of a job that is written at `now`. With `maxRuns`, that depends on its runs: nobody knows yet. Pure. */
export function nextRunAtOf(job: Pick<JobRow, 'schedule' | 'state'>, now: Date): Date | null {
  if (job.state === 'active' && job.schedule.maxRuns !== undefined) return UNKNOWN;
  const [next] = upcomingOf(job, 0, now.getTime(), 1);
  return next === undefined ? null : new Date(next);
}

/** The next run after `now` of each of these jobs, by their ids; null where there is none. */
export async function findNextRuns(
  { db, logger }: { db: Database; logger: Logger },
  jobs: readonly Pick<JobRow, 'id' | 'schedule' | 'state'>[],
  now: Date,
): Promise<Map<string, number | null>> {
  const counted = jobs.filter(({ schedule }) => schedule.maxRuns !== undefined).map(({ id }) => id);
  const counts = await countScheduledRuns(db, counted);
  const nextOf = (job: Pick<JobRow, 'id' | 'schedule' | 'state'>) => {
    try {
      return upcomingOf(job, counts.get(job.id) ?? 0, now.getTime(), 1)[0] ?? null;
    } catch (error) {
      // Such as a time zone that this version does not know: the others have a next run all the same.
      logger.error({ err: error, jobId: job.id }, 'could not work out when a job runs next');
      return null;
    }
  };
  const nextRuns = new Map<string, number | null>();
  for (const [index, job] of jobs.entries()) {
    // Other requests get their turn between.
    if (index % IN_ONE_TURN === IN_ONE_TURN - 1) await setImmediate();
    nextRuns.set(job.id, nextOf(job));
  }
  return nextRuns;
}

/** Notes the next run of jobs whose noted one has passed, one batch of them. Returns how many jobs that were. */
export async function renewNextRuns(
  dependencies: { db: Database; logger: Logger },
  now: Date,
  limit: number,
): Promise<number> {
  const { db } = dependencies;
  const jobs = await listPassedNextRuns(db, new Date(now.getTime() - PASSED_FOR_MS), limit);
  const nextRuns = await findNextRuns(dependencies, jobs, now);
  const notes = jobs.map((job): NextRunNote => {
    const next = nextRuns.get(job.id) ?? null;
    // Whose `maxRuns` are used up may get one back, for a run that is skipped does not count: asked again, till it is completed.
    const isUsedUp = next === null && job.state === 'active' && job.schedule.maxRuns !== undefined;
    const nextRunAt = isUsedUp ? now : next === null ? null : new Date(next);
    return { id: job.id, generation: job.generation, nextRunAt };
  });
  await noteNextRuns(db, notes);
  return jobs.length;
}
