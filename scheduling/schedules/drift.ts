import type { ScheduleSummary } from '@temporalio/client';
import { validate as isUuid } from 'uuid';
import { isConnectionLost } from '../../db/unavailable.ts';
import { listScheduled, listSwept, type SweptJob } from '../../db/jobs/sweep.ts';
import { forgetObserved } from '../../db/jobs/sync-state.ts';
import { MINUTE_MS } from '../../domain/milliseconds.ts';
import { SCHEDULE_ID_PREFIX } from '../../domain/run/workflow-contract.ts';
import { concurrently } from '../../platform/concurrently.ts';
import { deleteSchedule } from './put-schedule.ts';
import { generationInNote } from './schedule-options.ts';
import { findSchedule, type SyncDependencies } from './sync.ts';
import { isUnreachable } from '../temporal/temporal-errors.ts';

/** Temporal's list of schedules may lag behind: what changed since is not judged. */
const LAG_MS = MINUTE_MS;
const AT_ONCE = 500;
const CONCURRENCY = 8;

/** What a sweep found, and gave to the reconciler to mend. */
export interface Swept {
  orphans: number;
  outdated: number;
  lost: number;
  /** Those that could not be judged: the next sweep tries again. */
  failed: number;
}

/**
 * Compares all of our Temporal Schedules with all jobs, both ways. A schedule without a job is deleted; one that is not of
 * its job's generation, and a job whose schedule is gone, are marked for the reconciler. Only schedules whose ids
 * begin as ours do are touched.
 */
export async function repairDrift(dependencies: SyncDependencies, now: Date): Promise<Swept> {
  const swept: Swept = { orphans: 0, outdated: 0, lost: 0, failed: 0 };
  const listed = new Set<string>();
  for await (const schedules of inBatches(dependencies.temporal.schedule.list({ pageSize: AT_ONCE }))) {
    const ids = schedules.map(jobIdOf);
    for (const id of ids) listed.add(id);
    const jobs = await listSwept(
      dependencies.db,
      ids.filter((id) => isUuid(id)),
    );
    await concurrently(schedules, CONCURRENCY, (schedule) =>
      apart(dependencies, jobIdOf(schedule), swept, () =>
        judge(dependencies, schedule, jobs.get(jobIdOf(schedule)), now, swept),
      ),
    );
  }
  const before = new Date(now.getTime() - LAG_MS);
  let lastId: string | undefined;
  do {
    const ids = await listScheduled(dependencies.db, before, lastId, AT_ONCE);
    const unlisted = ids.filter((id) => !listed.has(id));
    await concurrently(unlisted, CONCURRENCY, (id) =>
      apart(dependencies, id, swept, async () => {
        if (await findSchedule(dependencies.temporal, id)) return;
        await forgetObserved(dependencies.db, id, now, { isGone: true });
        swept.lost++;
      }),
    );
    lastId = ids.length === AT_ONCE ? ids[ids.length - 1] : undefined;
  } while (lastId !== undefined);
  return swept;
}

/** One schedule that can not be judged must not keep the others from it. Servers that are away end the sweep. */
async function apart(
  { logger }: SyncDependencies,
  jobId: string,
  swept: Swept,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isUnreachable(error) || isConnectionLost(error)) throw error;
    logger.error({ err: error, jobId }, 'could not compare a schedule with its job');
    swept.failed++;
  }
}

async function judge(
  { db, temporal, logger }: SyncDependencies,
  schedule: ScheduleSummary,
  job: SweptJob | undefined,
  now: Date,
  swept: Swept,
): Promise<void> {
  const { scheduleId } = schedule;
  if (!job || job.deleted_at !== null || job.state === 'completed') {
    // The list may be behind: a job that is there by now keeps its schedule.
    const jobId = jobIdOf(schedule);
    const current = isUuid(jobId) ? (await listSwept(db, [jobId])).get(jobId) : undefined;
    if (current && current.deleted_at === null && current.state !== 'completed') return;
    logger.warn({ scheduleId }, 'deleting a schedule that has no job');
    await deleteSchedule(temporal, scheduleId);
    swept.orphans++;
    return;
  }
  const isPaused = job.state === 'paused';
  const isOutdated =
    generationInNote(schedule.state.note) !== job.schedule_generation || (isPaused && !schedule.state.paused);
  if (!isOutdated) return;
  swept.outdated++;
  await forgetObserved(db, job.id, now);
}

const jobIdOf = ({ scheduleId }: ScheduleSummary) => scheduleId.slice(SCHEDULE_ID_PREFIX.length);

/** Ours alone, in batches. */
async function* inBatches(schedules: AsyncIterable<ScheduleSummary>): AsyncGenerator<ScheduleSummary[]> {
  let batch: ScheduleSummary[] = [];
  for await (const schedule of schedules) {
    if (!schedule.scheduleId.startsWith(SCHEDULE_ID_PREFIX)) continue;
    batch.push(schedule);
    if (batch.length < AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
