import { createHash } from 'node:crypto';
import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type Client,
  type ScheduleDescription,
} from '@temporalio/client';
import type { JobRow } from '../../db/schema.ts';
import type { RunJobInput } from '../../domain/run/workflow-contract.ts';
import { ComparingScheduleClient } from '../temporal/comparing-schedule-client.ts';
import { scheduleOptions } from './schedule-options.ts';

/** The result of `putSchedule`. */
export type PutResult =
  /** It was created, or it was updated and read back. */
  | { kind: 'written'; specHash: string }
  /** It matched the job already. */
  | { kind: 'kept'; specHash: string }
  /** It was of a newer generation of the job, and was left as it is. */
  | { kind: 'newer'; generation: number };

/** Thrown inside an update, to leave the schedule as it is: the SDK offers no other way. */
class UpdateNotNeeded extends Error {
  readonly result: PutResult;

  constructor(result: PutResult) {
    super('the schedule is left as it is');
    this.result = result;
  }
}

const ATTEMPTS = 3;

/**
 * Creates the Temporal Schedule of a job, or updates the existing one. A schedule of a newer generation is
 * left as it is, even if another process writes it at the same time. So is a schedule that matches the job,
 * for an update discards starts that are due and not processed yet. `runs` is how many scheduled runs the job
 * has had, for its `maxRuns`.
 * @throws Error if Temporal cannot be reached, refuses the schedule, or does not hold it afterwards
 */
export async function putSchedule(
  temporal: Client,
  taskQueue: string,
  job: JobRow,
  runs: number,
): Promise<PutResult> {
  const options = scheduleOptions(job, runs, taskQueue, Date.now());
  const specHash = createHash('sha256').update(JSON.stringify(options.spec)).digest('base64url');
  const schedules = new ComparingScheduleClient(temporal);
  const handle = schedules.getHandle(options.scheduleId);
  const isUpToDate = (found: ScheduleDescription) =>
    generationOf(found) === job.schedule_generation && found.state.paused === options.state.paused;

  let exists = job.schedule_put_at !== null;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (!exists) {
      try {
        await schedules.create(options);
        return { kind: 'written', specHash };
      } catch (error) {
        if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      }
    }
    try {
      await handle.update((found) => {
        const generation = generationOf(found);
        if (generation > job.schedule_generation) throw new UpdateNotNeeded({ kind: 'newer', generation });
        if (isUpToDate(found) && specHash === job.spec_hash)
          throw new UpdateNotNeeded({ kind: 'kept', specHash });
        return options;
      });
      if (isUpToDate(await handle.describe())) return { kind: 'written', specHash };
      exists = true;
    } catch (error) {
      if (error instanceof UpdateNotNeeded) return error.result;
      if (!(error instanceof ScheduleNotFoundError)) throw error;
      exists = false;
    }
  }
  throw new Error(`the schedule did not take generation ${job.schedule_generation} in ${ATTEMPTS} attempts`);
}

/** The generation of the job from which a schedule was written, by the arguments of its workflow. Pure. */
function generationOf(schedule: ScheduleDescription): number {
  const [input] = (schedule.action.args ?? []) as [RunJobInput?];
  return input?.generation ?? 0;
}

/** Deletes a Temporal Schedule, if it exists. */
export async function deleteSchedule(temporal: Client, scheduleId: string): Promise<void> {
  try {
    await temporal.schedule.getHandle(scheduleId).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}
