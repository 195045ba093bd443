import { createHash } from 'node:crypto';
import { ScheduleNotFoundError, type Client } from '@temporalio/client';
import type { JobRow } from '../../db/schema.ts';
import type { RunJobInput } from '../../domain/run/workflow-contract.ts';
import {
  createSchedule,
  describeSchedule,
  encodeSchedule,
  updateSchedule,
  type Description,
} from '../temporal/raw-schedules.ts';
import { toHeldSchedule, type HeldSchedule } from './held-schedule.ts';
import { generationInNote } from './schedule-note.ts';
import { scheduleOptions } from './schedule-options.ts';

/** The result of `putSchedule`. */
export type PutResult =
  /** It was created, or it was updated and read back. */
  | { kind: 'written'; specHash: string; held: HeldSchedule }
  /** It matched the job already. */
  | { kind: 'kept'; specHash: string; held: HeldSchedule }
  /** It was of a newer generation of the job, and was left as it is. */
  | { kind: 'newer'; generation: number };

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
  const { scheduleId } = options;
  const specHash = createHash('sha256').update(JSON.stringify(options.spec)).digest('base64url');
  const schedule = await encodeSchedule(temporal, options);
  const sent = toHeldSchedule(schedule);
  const isUpToDate = (found: Description) =>
    generationOf(found) === job.schedule_generation &&
    (found.schedule?.state?.paused ?? false) === options.state.paused;

  let exists = job.schedule_put_at !== null;
  let readBefore: string | undefined;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (!exists && (await createSchedule(temporal, scheduleId, schedule)))
      return { kind: 'written', specHash, held: sent };
    const found = await describeSchedule(temporal, scheduleId);
    exists = found !== undefined;
    if (!found) continue;
    const generation = generationOf(found);
    if (generation > job.schedule_generation) return { kind: 'newer', generation };
    const asFound = toHeldSchedule(found.schedule);
    const isUntouched = asFound.hash === (job.schedule_hash ?? sent.hash);
    if (isUpToDate(found) && isUntouched && specHash === job.spec_hash)
      return { kind: 'kept', specHash, held: asFound };
    await updateSchedule(temporal, scheduleId, schedule, found.conflictToken);
    const written = await describeSchedule(temporal, scheduleId);
    if (!written || !isUpToDate(written)) continue;
    const held = toHeldSchedule(written.schedule);
    // The server dropped the update if somebody changed the schedule meanwhile. But a server may also hold it
    // in another form than this version knows: then it reads the same after every update.
    if (held.hash === sent.hash || held.hash === readBefore) return { kind: 'written', specHash, held };
    readBefore = held.hash;
  }
  throw new Error(`the schedule did not take generation ${job.schedule_generation} in ${ATTEMPTS} attempts`);
}

/**
 * The generation of the job from which a schedule was written, by the arguments of its workflow. 0 if they were
 * changed: the note, if it is the service's, names the same generation. Pure.
 */
function generationOf({ schedule }: Description): number {
  const { generation } = readInput(schedule?.action?.startWorkflow?.input?.payloads?.[0]?.data);
  const inNote = generationInNote(schedule?.state?.notes ?? undefined);
  return typeof generation === 'number' && (inNote ?? generation) === generation ? generation : 0;
}

function readInput(data: Uint8Array | null | undefined): Partial<RunJobInput> {
  try {
    return (JSON.parse(Buffer.from(data ?? []).toString()) ?? {}) as Partial<RunJobInput>;
  } catch {
    return {};
  }
}

/** Deletes a Temporal Schedule, if it exists. */
export async function deleteSchedule(temporal: Client, scheduleId: string): Promise<void> {
  try {
    await temporal.schedule.getHandle(scheduleId).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}
