import type { Client } from '@temporalio/client';
import type { Database } from '../../db/database.ts';
import { insertRun } from '../../db/runs/runs.ts';
import type { JobRow, RunRow } from '../../db/schema.ts';
import { durationMs } from '../../domain/duration.ts';
import type { Source } from '../../domain/job/audit.ts';
import { isHook } from '../../domain/run/hook-trigger.ts';
import type { Origin } from '../../domain/run/origin.ts';
import { workflowTimeoutMs } from '../../domain/run/run-deadline.ts';
import { RUN_JOB_WORKFLOW, type RunJobInput } from '../../domain/run/workflow-contract.ts';
import { workflowOf } from '../../domain/job/run-workflow.ts';
import { requestedRun } from '../occurrences/queued-run.ts';
import { describeRun } from '../schedules/schedule-options.ts';
import { INLINE_GRACE_MS, type SyncDependencies } from '../schedules/sync.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';

/** When a run was requested, by which request, and by whom. */
interface Request {
  now: Date;
  origin: Origin;
  source: Source;
}

/** Stores a manual run. The caller starts it; if it does not, the reconciler does. */
export function insertManualRun(
  db: Database,
  id: string,
  job: JobRow,
  { now, origin, source }: Request,
): Promise<RunRow> {
  const run = requestedRun(job, { id, trigger: 'manual', scheduledAt: now, origin, ...checkSoon(now) });
  return insertRun(db, { ...run, source: JSON.stringify(source) });
}

/** Stores a retry of a run, with the same nominal time. The caller starts it; if it does not, the reconciler does. */
export function insertRetry(
  db: Database,
  id: string,
  job: JobRow,
  original: RunRow,
  { now, origin, source }: Request,
): Promise<RunRow> {
  const { scheduled_at: scheduledAt } = original;
  // The retry of a hook's call keeps its trigger, because it calls the hook's target.
  const trigger = isHook(original.trigger) ? original.trigger : 'retry';
  const run = requestedRun(job, { id, trigger, scheduledAt, origin, ...checkSoon(now) });
  return insertRun(db, {
    ...run,
    source: JSON.stringify(source),
    retry_of: original.id,
    cause: original.cause && JSON.stringify(original.cause),
  });
}

const checkSoon = (now: Date) => ({ checkAt: new Date(now.getTime() + INLINE_GRACE_MS) });

/**
 * Starts the workflow of a stored run. Concurrent calls start one.
 * @returns Temporal's id of the workflow run
 * @throws WorkflowExecutionAlreadyStartedError, or any other error of Temporal's client
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

/**
 * How long a run may take. A run that is started again has the rest of its time; the call of a hook has no
 * timeout. Pure.
 */
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

/**
 * Starts a run that was just stored. If Temporal cannot be reached, it stays queued, and the reconciler
 * starts it later.
 */
export async function tryStartRun(dependencies: SyncDependencies, job: JobRow, run: RunRow): Promise<RunRow> {
  try {
    const temporalRunId = await dependencies.breaker.attempt(() => startRun(dependencies, job, run));
    return { ...run, temporal_run_id: temporalRunId };
  } catch (error) {
    dependencies.logger.warn({ err: error, jobId: job.id, runId: run.id }, 'could not start a run yet');
    return run;
  }
}
