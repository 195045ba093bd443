import type { Client } from '@temporalio/client';
import type { Database } from '../../db/database.ts';
import { insertRun } from '../../db/runs/runs.ts';
import type { JobRow, RunRow } from '../../db/schema.ts';
import { durationMs } from '../../domain/duration.ts';
import { isHook } from '../../domain/run/hook-trigger.ts';
import type { Origin } from '../../domain/run/origin.ts';
import { workflowTimeoutMs } from '../../domain/run/run-deadline.ts';
import { RUN_JOB_WORKFLOW, type RunJobInput } from '../../domain/run/workflow-contract.ts';
import { workflowOf } from '../../domain/job/run-workflow.ts';
import { requestedRun } from '../occurrences/queued-run.ts';
import { describeRun } from '../schedules/schedule-options.ts';
import { INLINE_GRACE_MS, type SyncDependencies } from '../schedules/sync.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';

/** When something was asked for, and by which request. */
interface Request {
  now: Date;
  origin: Origin;
}

/** Stores a run of a job that somebody asked for now. Nobody has started it yet; the reconciler would. */
export function insertManualRun(
  db: Database,
  id: string,
  job: JobRow,
  { now, origin }: Request,
): Promise<RunRow> {
  return insertRun(
    db,
    requestedRun(job, { id, trigger: 'manual', scheduledAt: now, origin, ...startedBy(now) }),
  );
}

/** Stores a run that repeats another one, with the same nominal time. Nobody has started it yet; the reconciler would. */
export function insertRetry(
  db: Database,
  id: string,
  job: JobRow,
  repeated: RunRow,
  { now, origin }: Request,
): Promise<RunRow> {
  const { scheduled_at: scheduledAt } = repeated;
  // The call of a hook stays one: it is for the hook's target.
  const trigger = isHook(repeated.trigger) ? repeated.trigger : 'retry';
  const run = requestedRun(job, { id, trigger, scheduledAt, origin, ...startedBy(now) });
  return insertRun(db, {
    ...run,
    retry_of: repeated.id,
    cause: repeated.cause && JSON.stringify(repeated.cause),
  });
}

const startedBy = (now: Date) => ({ checkAt: new Date(now.getTime() + INLINE_GRACE_MS) });

/**
 * Starts the workflow of a run that is stored. Whoever comes second starts nothing.
 * @returns Temporal's id of the workflow run
 * @throws WorkflowExecutionAlreadyStartedError, or whatever keeps Temporal from taking it
 */
export async function startRun(
  { temporal, taskQueue }: { temporal: Client; taskQueue: string },
  job: JobRow,
  run: RunRow,
): Promise<string> {
  const timeout = timeoutOf(job, run, Date.now());
  const input: RunJobInput = {
    jobId: job.id,
    generation: job.schedule_generation,
    trigger: run.trigger,
    runId: run.id,
    scheduledAt: run.scheduled_at.toISOString(),
    ...timeout.input,
  };
  const workflow = isHook(run.trigger) ? { type: RUN_JOB_WORKFLOW, options: {} } : workflowOf(job);
  const handle = await withinDeadline(temporal, () =>
    temporal.workflow.start(workflow.type, {
      ...workflow.options,
      workflowId: run.workflow_id,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      taskQueue,
      args: [input],
      ...timeout.options,
      ...describeRun(job),
    }),
  );
  return handle.firstExecutionRunId;
}

/** How long a run may take. One that is started again has what is left of its time; the call of a hook has no timeout. */
function timeoutOf(job: JobRow, { trigger, deadline, timeout }: RunRow, now: number) {
  const text = timeout ?? job.timeout;
  if (text === null || isHook(trigger)) return { input: {}, options: {} };
  const timeoutMs = durationMs(text);
  const leftMs = deadline ? Math.max(0, deadline.getTime() - now) : timeoutMs;
  return {
    input: { timeoutMs, ...(deadline ? { deadline: deadline.toISOString() } : {}) },
    options: { workflowExecutionTimeout: workflowTimeoutMs(leftMs) },
  };
}

/** Starts a run that was just stored, if Temporal can be reached; else it stays queued, and the reconciler starts it. */
export async function tryStartRun(dependencies: SyncDependencies, job: JobRow, run: RunRow): Promise<RunRow> {
  try {
    const temporalRunId = await dependencies.breaker.attempt(() => startRun(dependencies, job, run));
    return { ...run, temporal_run_id: temporalRunId };
  } catch (error) {
    dependencies.logger.warn({ err: error, jobId: job.id, runId: run.id }, 'could not start a run yet');
    return run;
  }
}
