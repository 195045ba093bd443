import { setImmediate } from 'node:timers/promises';
import type { Database } from '../../db/database.ts';
import { listPassedNextRuns, noteNextRuns, type NextRunNote } from '../../db/jobs/next-runs.ts';
import { countScheduledRuns } from '../../db/runs/runs.ts';
import type { JobRow } from '../../db/schema.ts';
import type { CompiledSchedule } from '../../domain/schedule/compile-schedule.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { Logger } from '../../platform/logger.ts';
import { upcomingOf } from './upcoming.ts';

// The next run of each job, stored for the list that is sorted by it (db/jobs/next-runs.ts).

/**
 * A stored next run is renewed this long after it has passed: for a job that fires every second, no more
 * often than this.
 */
const PASSED_FOR_MS = 30 * SECOND_MS;
/** Jobs whose next runs are computed before other tasks run: a schedule may take milliseconds. */
const JOBS_PER_TICK = 10;

/** Stored for a job whose next run is not known: it has passed, so it is computed when the job is listed. */
const UNKNOWN = new Date(0);

/**
 * The next run to store with a job that is written at `now`. With `maxRuns` it depends on the job's runs, so
 * it is unknown. Pure.
 */
export function nextRunAtOf(
  job: Pick<JobRow, 'schedule' | 'state'>,
  now: Date,
  compiled: CompiledSchedule,
): Date | null {
  if (job.state === 'active' && job.schedule.maxRuns !== undefined) return UNKNOWN;
  const [next] = upcomingOf(job, 0, now.getTime(), 1, compiled);
  return next === undefined ? null : new Date(next);
}

/** The next run of each of these jobs after `now`, by their ids; null for a job without one. */
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
      // For example, a time zone that this version does not know. It must not fail the other jobs.
      logger.error({ err: error, jobId: job.id }, 'could not compute the next run of a job');
      return null;
    }
  };
  const nextRuns = new Map<string, number | null>();
  for (const [index, job] of jobs.entries()) {
    if (index % JOBS_PER_TICK === JOBS_PER_TICK - 1) await setImmediate();
    nextRuns.set(job.id, nextOf(job));
  }
  return nextRuns;
}

/** Renews the stored next run of jobs whose one has passed, one batch of them. Returns how many jobs that were. */
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
    // A job whose `maxRuns` are used up may get a run back, for a skipped run does not count: renewed until
    // it is completed.
    const isUsedUp = next === null && job.state === 'active' && job.schedule.maxRuns !== undefined;
    const nextRunAt = isUsedUp ? now : next === null ? null : new Date(next);
    return { id: job.id, generation: job.generation, nextRunAt };
  });
  await noteNextRuns(db, notes);
  return jobs.length;
}
