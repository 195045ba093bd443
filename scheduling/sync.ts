import { ScheduleAlreadyRunning, ScheduleNotFoundError, type Client } from '@temporalio/client';
import type { Database } from '../db/database.ts';
import { findJobOrTombstone, setObserved, setSyncError } from '../db/jobs.ts';
import type { JobRow } from '../db/schema.ts';
import { scheduleIdOf } from '../domain/run-job.ts';
import type { Logger } from '../platform/logger.ts';
import { scheduleOptions } from './schedule-options.ts';
import { isUnreachable } from './temporal-errors.ts';

/** What is needed to talk to both sides. */
export interface SyncDependencies {
  db: Database;
  temporal: Client;
  taskQueue: string;
  logger: Logger;
}

/** Calls to Temporal are given up after this time, so that a caller gets its answer. */
const TEMPORAL_DEADLINE_MS = 5_000;

/**
 * Makes Temporal match a job: its schedule exists, or is gone if the job was deleted. Idempotent. Never throws for a
 * Temporal that is away or refuses: the row then says so, and the worker's reconcile timer tries again.
 */
export async function syncJob(dependencies: SyncDependencies, jobId: string): Promise<void> {
  const { db, temporal, taskQueue, logger } = dependencies;
  for (;;) {
    const job = await findJobOrTombstone(db, jobId);
    if (!job || job.observed_generation === job.generation) return;
    try {
      await temporal.withDeadline(Date.now() + TEMPORAL_DEADLINE_MS, () =>
        job.deleted_at ? deleteSchedule(temporal, job) : createSchedule(temporal, job, taskQueue),
      );
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      logger.warn({ err: error, jobId, generation: job.generation }, 'could not bring a job to Temporal');
      if (!isUnreachable(error)) await setSyncError(db, jobId, job.generation, message);
      return;
    }
    // The job may have changed while Temporal was told of it: the loop ends only when the newest generation has arrived.
    await setObserved(db, jobId, job.generation);
  }
}

async function createSchedule(temporal: Client, job: JobRow, taskQueue: string): Promise<void> {
  try {
    await temporal.schedule.create(scheduleOptions(job, taskQueue, Date.now()));
  } catch (error) {
    // An earlier attempt made it, and died before it could note that.
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}

async function deleteSchedule(temporal: Client, job: JobRow): Promise<void> {
  try {
    await temporal.schedule.getHandle(scheduleIdOf(job.id)).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}
