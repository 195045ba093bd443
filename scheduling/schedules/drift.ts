import { validate as isUuid } from 'uuid';
import { isConnectionLost } from '../../db/unavailable.ts';
import { compareSoon } from '../../db/jobs/drift.ts';
import { listScheduled, listSwept, type SweptJob } from '../../db/jobs/sweep.ts';
import { MINUTE_MS } from '../../domain/milliseconds.ts';
import { SCHEDULE_ID_PREFIX } from '../../domain/run/ids.ts';
import { forEachIsolated } from '../../platform/for-each-isolated.ts';
import { listSchedules, type ListedSchedule } from '../temporal/raw-schedules.ts';
import { isUnreachable } from '../temporal/temporal-errors.ts';
import type { CompareDependencies } from './compare-schedules.ts';
import { listedHashOf } from './held-schedule.ts';
import { deleteSchedule } from './put-schedule.ts';

/** Temporal's list may lag behind by this time: a schedule that was written within it may not be in it yet. */
const LAG_MS = MINUTE_MS;
/** Schedules, or jobs, in one page. */
const PAGE = 500;
const CONCURRENCY = 8;

/** What a sweep found. */
export interface Swept {
  /** Schedules without a job, which the sweep deletes. */
  orphans: number;
  /** Schedules that the list shows otherwise than they were written. */
  different: number;
  /** Jobs whose schedule is not in the list. */
  unlisted: number;
  /** Comparisons that failed. The next sweep makes them again. */
  failed: number;
}

/**
 * Compares Temporal's list of schedules with all jobs, both ways. Deletes schedules without a job. The list shows a
 * part of each schedule, and lags behind, so those that seem to have changed or to be gone are compared soon
 * (compare-schedules.ts). Schedules of others, whose ids begin otherwise, are left alone. A comparison that fails
 * keeps none of the others from being made.
 * @throws the error that says that Temporal or the database is away
 */
export async function repairDrift(dependencies: CompareDependencies, now: Date): Promise<Swept> {
  const { db, temporal, logger, countDrift } = dependencies;
  const swept: Swept = { orphans: 0, different: 0, unlisted: 0, failed: 0 };
  const onFailure = (schedule: ListedSchedule, error: unknown) => {
    logger.error({ err: error, jobId: jobIdOf(schedule) }, 'could not delete a schedule that has no job');
    swept.failed++;
  };
  const isFatal = (error: unknown) => isUnreachable(error) || isConnectionLost(error);

  const listed = new Set<string>();
  for await (const page of listSchedules(temporal, PAGE)) {
    const schedules = page.filter(({ scheduleId }) => scheduleId?.startsWith(SCHEDULE_ID_PREFIX));
    for (const schedule of schedules) listed.add(jobIdOf(schedule));
    const jobs = await listSwept(db, schedules.map(jobIdOf).filter(isUuid));
    const withJob = schedules.filter((schedule) => hasSchedule(jobs.get(jobIdOf(schedule))));
    const different = withJob.filter(
      (schedule) => listedHashOf(schedule) !== jobs.get(jobIdOf(schedule))?.listed_hash,
    );
    await compareSoon(db, different.map(jobIdOf), now);
    swept.different += different.length;

    const withoutJob = schedules.filter((schedule) => !withJob.includes(schedule));
    await forEachIsolated(withoutJob, { concurrency: CONCURRENCY, isFatal, onFailure }, async (schedule) => {
      if (!(await deleteOrphan(dependencies, schedule))) return;
      swept.orphans++;
      countDrift('orphan');
    });
  }

  const before = new Date(now.getTime() - LAG_MS);
  let lastId: string | undefined;
  do {
    const ids = await listScheduled(db, before, lastId, PAGE);
    const unlisted = ids.filter((id) => !listed.has(id));
    await compareSoon(db, unlisted, now);
    swept.unlisted += unlisted.length;
    lastId = ids.length === PAGE ? ids[ids.length - 1] : undefined;
  } while (lastId !== undefined);
  return swept;
}

/** Deletes a schedule without a job. Returns false if the job was created meanwhile. */
async function deleteOrphan(
  { db, temporal, logger }: CompareDependencies,
  schedule: ListedSchedule,
): Promise<boolean> {
  const jobId = jobIdOf(schedule);
  const current = isUuid(jobId) ? (await listSwept(db, [jobId])).get(jobId) : undefined;
  if (hasSchedule(current)) return false;
  const scheduleId = SCHEDULE_ID_PREFIX + jobId;
  logger.warn({ scheduleId }, 'deleting a schedule that has no job');
  await deleteSchedule(temporal, scheduleId);
  return true;
}

/** Tells whether a job is to have a schedule. Pure. */
const hasSchedule = (job: SweptJob | undefined): job is SweptJob =>
  job !== undefined && job.deleted_at === null && job.state !== 'completed';

const jobIdOf = ({ scheduleId }: ListedSchedule) => (scheduleId ?? '').slice(SCHEDULE_ID_PREFIX.length);
