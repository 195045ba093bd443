import type { ScheduleSummary } from '@temporalio/client';
import { validate as isUuid } from 'uuid';
import { isConnectionLost } from '../../db/unavailable.ts';
import { listScheduled, listSwept, type SweptJob } from '../../db/jobs/sweep.ts';
import { forgetObserved } from '../../db/jobs/sync-state.ts';
import { MINUTE_MS } from '../../domain/milliseconds.ts';
import { SCHEDULE_ID_PREFIX } from '../../domain/run/ids.ts';
import { forEachIsolated } from '../../platform/for-each-isolated.ts';
import { deleteSchedule } from './put-schedule.ts';
import { generationInNote } from './schedule-note.ts';
import { findSchedule, type SyncDependencies } from './sync.ts';
import { isUnreachable } from '../temporal/temporal-errors.ts';

/** Temporal's list of schedules may lag behind by this time: a job that changed within it is not compared. */
const LAG_MS = MINUTE_MS;
/** Schedules, or jobs, in one page. */
const PAGE = 500;
const CONCURRENCY = 8;

/** The drift that a sweep found, and marked for the reconciler to repair. */
export interface Swept {
  /** Schedules without a job, which the sweep deletes itself. */
  orphans: number;
  /** Schedules that are not of their job's generation. */
  outdated: number;
  /** Jobs whose schedule is gone. */
  lost: number;
  /** Comparisons that failed. The next sweep makes them again. */
  failed: number;
}

/**
 * Compares all Temporal Schedules of this service with all jobs, both ways. Deletes schedules without a job,
 * and marks for sync the jobs whose schedule is gone or of another generation. Schedules of others, whose ids
 * begin otherwise, are left alone. A comparison that fails keeps none of the others from being made.
 * @throws the error that says that Temporal or the database is away
 */
export async function repairDrift(dependencies: SyncDependencies, now: Date): Promise<Swept> {
  const { db, temporal, logger } = dependencies;
  const swept: Swept = { orphans: 0, outdated: 0, lost: 0, failed: 0 };
  const compareEach = <Item>(
    items: Item[],
    jobIdOf: (item: Item) => string,
    compare: (item: Item) => Promise<void>,
  ) => {
    const onFailure = (item: Item, error: unknown) => {
      logger.error({ err: error, jobId: jobIdOf(item) }, 'could not compare a schedule with its job');
      swept.failed++;
    };
    const isFatal = (error: unknown) => isUnreachable(error) || isConnectionLost(error);
    return forEachIsolated(items, { concurrency: CONCURRENCY, isFatal, onFailure }, compare);
  };

  const listed = new Set<string>();
  for await (const schedules of inPages(temporal.schedule.list({ pageSize: PAGE }))) {
    const ids = schedules.map(jobIdOf);
    for (const id of ids) listed.add(id);
    const jobs = await listSwept(
      db,
      ids.filter((id) => isUuid(id)),
    );
    await compareEach(schedules, jobIdOf, async (schedule) => {
      const drift = await repairSchedule(dependencies, schedule, jobs.get(jobIdOf(schedule)), now);
      if (drift) swept[drift]++;
    });
  }

  const before = new Date(now.getTime() - LAG_MS);
  let lastId: string | undefined;
  do {
    const ids = await listScheduled(db, before, lastId, PAGE);
    const unlisted = ids.filter((id) => !listed.has(id));
    await compareEach(
      unlisted,
      (id) => id,
      async (id) => {
        if (await findSchedule(temporal, id)) return;
        await forgetObserved(db, id, now, { isGone: true });
        swept.lost++;
      },
    );
    lastId = ids.length === PAGE ? ids[ids.length - 1] : undefined;
  } while (lastId !== undefined);
  return swept;
}

/** Compares one schedule with its job. Returns the drift that it found; undefined if the two match. */
async function repairSchedule(
  { db, temporal, logger }: SyncDependencies,
  schedule: ScheduleSummary,
  job: SweptJob | undefined,
  now: Date,
): Promise<'orphans' | 'outdated' | undefined> {
  const { scheduleId, state } = schedule;
  if (!hasSchedule(job)) {
    // The job may have been created since this page of jobs was read.
    const jobId = jobIdOf(schedule);
    const current = isUuid(jobId) ? (await listSwept(db, [jobId])).get(jobId) : undefined;
    if (hasSchedule(current)) return undefined;
    logger.warn({ scheduleId }, 'deleting a schedule that has no job');
    await deleteSchedule(temporal, scheduleId);
    return 'orphans';
  }
  const isResumed = job.state === 'paused' && !state.paused;
  if (generationInNote(state.note) === job.schedule_generation && !isResumed) return undefined;
  await forgetObserved(db, job.id, now);
  return 'outdated';
}

/** Tells whether a job is to have a schedule. Pure. */
const hasSchedule = (job: SweptJob | undefined): job is SweptJob =>
  job !== undefined && job.deleted_at === null && job.state !== 'completed';

const jobIdOf = ({ scheduleId }: ScheduleSummary) => scheduleId.slice(SCHEDULE_ID_PREFIX.length);

/** The schedules of this service, in pages. */
async function* inPages(schedules: AsyncIterable<ScheduleSummary>): AsyncGenerator<ScheduleSummary[]> {
  let page: ScheduleSummary[] = [];
  for await (const schedule of schedules) {
    if (!schedule.scheduleId.startsWith(SCHEDULE_ID_PREFIX)) continue;
    page.push(schedule);
    if (page.length < PAGE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
