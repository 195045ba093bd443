import { ScheduleAlreadyRunning, ScheduleNotFoundError, type Client } from '@temporalio/client';
import type { Database } from '../db/database.ts';
import { setObserved, setSyncError } from '../db/job-upkeep.ts';
import { findJobOrTombstone } from '../db/jobs.ts';
import { countScheduledRuns } from '../db/runs.ts';
import type { JobRow } from '../db/schema.ts';
import { scheduleIdOf, type RunJobInput } from '../domain/run-job.ts';
import type { Logger } from '../platform/logger.ts';
import { scheduleOptions } from './schedule-options.ts';
import { specVersionAt } from './spec-version.ts';
import { isUnreachable } from './temporal-errors.ts';

/** What is needed to talk to both sides. */
export interface SyncDependencies {
  db: Database;
  temporal: Client;
  taskQueue: string;
  logger: Logger;
}

/** Calls to Temporal are given up after this time, so that a caller gets its answer. */
export const TEMPORAL_DEADLINE_MS = 5_000;

/**
 * Makes Temporal match a job: its schedule exists as the job says, or is gone if the job was deleted or is completed.
 * Idempotent. Never throws for a Temporal that is away or refuses: the row then says so, and the worker's reconcile
 * timer tries again.
 */
export async function syncJob(dependencies: SyncDependencies, jobId: string): Promise<void> {
  const { db, temporal, logger } = dependencies;
  let written: number | undefined;
  for (;;) {
    const job = await findJobOrTombstone(db, jobId);
    const specVersion = specVersionAt(Date.now());
    // What was written here last may have been put over something newer, which then has to be put there again.
    const overwritten = written !== undefined && written !== job?.generation;
    if (!job || (isSynced(job, specVersion) && !overwritten)) return;
    try {
      await temporal.withDeadline(Date.now() + TEMPORAL_DEADLINE_MS, () =>
        job.deleted_at || job.state === 'completed'
          ? deleteSchedule(temporal, job)
          : putSchedule(dependencies, job),
      );
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      logger.warn({ err: error, jobId, generation: job.generation }, 'could not bring a job to Temporal');
      if (!isUnreachable(error)) await setSyncError(db, jobId, job.generation, message);
      return;
    }
    written = job.generation;
    // The job may have changed while Temporal was told of it: the loop ends only when the newest generation has arrived.
    await setObserved(db, jobId, job.generation, specVersion);
  }
}

function isSynced(job: JobRow, specVersion: string): boolean {
  if (job.observed_generation !== job.generation) return false;
  return job.deleted_at !== null || job.state === 'completed' || (job.spec_version ?? '') >= specVersion;
}

/** Creates the schedule, or brings the one that is there up to date; makes sure that it is what was meant. */
async function putSchedule({ db, temporal, taskQueue }: SyncDependencies, job: JobRow): Promise<void> {
  const counts = await countScheduledRuns(db, job.schedule.maxRuns === undefined ? [] : [job.id]);
  const runs = counts.get(job.id) ?? 0;
  const options = scheduleOptions(job, runs, taskQueue, Date.now());
  try {
    await temporal.schedule.create(options);
    return;
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
  const handle = temporal.schedule.getHandle(options.scheduleId);
  await handle.update(() => options);
  // Of two updates at the same moment one is lost without a word.
  const { args } = (await handle.describe()).action;
  const [found] = (args ?? []) as [RunJobInput?];
  if (found?.generation !== job.generation) {
    throw new Error(`the schedule holds generation ${found?.generation}, not ${job.generation}`);
  }
}

async function deleteSchedule(temporal: Client, job: JobRow): Promise<void> {
  try {
    await temporal.schedule.getHandle(scheduleIdOf(job.id)).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}

/**
 * Tells whether a job's schedule holds no start back: none under way, and none that waits in its buffer for another run
 * to end. A schedule that is gone holds none.
 */
export async function holdsNothingBack(temporal: Client, jobId: string): Promise<boolean> {
  try {
    const handle = temporal.schedule.getHandle(scheduleIdOf(jobId));
    const { raw, info } = await temporal.withDeadline(Date.now() + TEMPORAL_DEADLINE_MS, () =>
      handle.describe(),
    );
    const waiting = Number(raw.info?.bufferSize ?? 0);
    return waiting === 0 && info.runningActions.length === 0;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return true;
    throw error;
  }
}
