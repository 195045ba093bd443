import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { v7 as uuidv7 } from 'uuid';
import { findBackfill, insertBackfill, listInstantsWithRun } from '../../db/runs/backfills.ts';
import type { Database } from '../../db/database.ts';
import { insertAbsentRuns } from '../../db/runs/runs.ts';
import type { JobRow } from '../../db/schema.ts';
import type { Source } from '../../domain/job/audit.ts';
import { MAX_BACKFILL, type BackfillInput } from '../../domain/run/backfill.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { durationMs } from '../../domain/duration.ts';
import { SchedulerError } from '../../domain/errors.ts';
import { iterateOccurrences } from '../../domain/schedule/occurrences.ts';
import { includingSkipped, skipAt } from '../../domain/schedule/skips.ts';
import type { Origin } from '../../domain/run/origin.ts';
import { workflowTimeoutMs } from '../../domain/run/run-deadline.ts';
import { workflowIdOfBackfill } from '../../domain/run/ids.ts';
import { RUN_BACKFILL_WORKFLOW, type RunBackfillInput } from '../../domain/run/workflow-contract.ts';
import { isInPause } from '../occurrences/due-occurrences.ts';
import { requestedRun } from '../occurrences/queued-run.ts';
import { describeRun } from '../schedules/schedule-options.ts';
import { INLINE_GRACE_MS, type SyncDependencies } from '../schedules/sync.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';

/** Beyond the limit, occurrences are counted up to this number, to say how many there are. */
const COUNTED_AT_MOST = 100_000;

/**
 * Stores a backfill of a job that the caller's transaction has locked: one queued run for each occurrence
 * from `from` to `to`, both included; with `onlyMissing`, for each that has no run. An occurrence that is not
 * materialized yet is not missing, for its run may still start. Returns how many runs there are.
 * @throws SchedulerError `too_many`, which says how many there would have been
 */
export async function insertRunsOfBackfill(
  transaction: Database,
  backfillId: string,
  job: JobRow,
  input: BackfillInput,
  { now, origin, source }: { now: Date; origin: Origin; source: Source },
): Promise<number> {
  const from = new Date(input.from);
  const to = new Date(input.to);
  const isUndecided = (instant: number) =>
    input.onlyMissing && instant > job.accounted_to.getTime() && !isInPause(job, instant);
  // What was left out on purpose is not missing. Asked for by its time, it runs.
  const isLeftOut = (instant: number) => input.onlyMissing && skipAt(job.schedule, instant) !== undefined;
  const compiled = includingSkipped(compileSchedule(job.schedule));
  const due: number[] = [];
  for (const instant of iterateOccurrences(compiled, from.getTime() - 1)) {
    if (instant > to.getTime()) break;
    if (isUndecided(instant) || isLeftOut(instant)) continue;
    due.push(instant);
    if (due.length > COUNTED_AT_MOST) throw tooMany(input, `more than ${COUNTED_AT_MOST}`);
  }
  const taken = input.onlyMissing ? await listInstantsWithRun(transaction, job.id, from, to) : new Set();
  const instants = due.filter((instant) => !taken.has(instant));
  if (instants.length > MAX_BACKFILL) throw tooMany(input, String(instants.length));
  await insertBackfill(transaction, {
    id: backfillId,
    jobId: job.id,
    overlap: input.overlap,
    range: { from: input.from, to: input.to, onlyMissing: input.onlyMissing },
    createdAt: now,
    source,
  });
  const checkAt = new Date(now.getTime() + INLINE_GRACE_MS);
  const runs = instants.map((instant) => ({
    ...requestedRun(job, {
      id: uuidv7(),
      trigger: 'backfill',
      scheduledAt: new Date(instant),
      checkAt,
      origin,
    }),
    backfill_id: backfillId,
  }));
  await insertAbsentRuns(transaction, runs);
  return runs.length;
}

const tooMany = ({ from, to, onlyMissing }: BackfillInput, number: string) =>
  new SchedulerError(
    'too_many',
    `From ${from} to ${to} there are ${number} occurrences${onlyMissing ? ' without a run' : ''}; one backfill takes ${MAX_BACKFILL} at most. Split it.`,
  );

/**
 * Starts the workflow of a stored backfill. It may have been started before.
 * @returns whether the workflow is still in progress; or else was cancelled, and its runs with it; or is
 * over, and leaves open runs to the reconciler
 */
export async function startBackfill(
  { db, temporal, taskQueue }: SyncDependencies,
  job: JobRow,
  backfillId: string,
): Promise<'inProgress' | 'cancelled' | 'over'> {
  const { overlap, runs } = await findBackfill(db, backfillId);
  const timeoutMs = job.timeout === null ? undefined : durationMs(job.timeout);
  const input: RunBackfillInput = {
    jobId: job.id,
    generation: job.schedule_generation,
    overlap,
    ...(timeoutMs === undefined ? {} : { timeoutMs, workflowTimeoutMs: workflowTimeoutMs(timeoutMs) }),
    runs: runs.map((run) => ({
      runId: run.id,
      workflowId: run.workflow_id,
      scheduledAt: run.scheduled_at.toISOString(),
    })),
  };
  const workflowId = workflowIdOfBackfill(backfillId);
  return await withinDeadline(temporal, async () => {
    try {
      await temporal.workflow.start(RUN_BACKFILL_WORKFLOW, {
        workflowId,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        taskQueue,
        args: [input],
        ...describeRun(job),
      });
      return 'inProgress';
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      const { status } = await temporal.workflow.getHandle(workflowId).describe();
      if (status.name === 'RUNNING') return 'inProgress';
      return status.name === 'CANCELLED' || status.name === 'TERMINATED' ? 'cancelled' : 'over';
    }
  });
}

/** Starts a backfill that was just stored. If Temporal cannot be reached, the reconciler starts it later. */
export async function tryStartBackfill(
  dependencies: SyncDependencies,
  job: JobRow,
  backfillId: string,
): Promise<void> {
  try {
    await dependencies.breaker.attempt(() => startBackfill(dependencies, job, backfillId));
  } catch (error) {
    dependencies.logger.warn({ err: error, jobId: job.id, backfillId }, 'could not start a backfill yet');
  }
}
