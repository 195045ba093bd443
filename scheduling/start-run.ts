import { v7 as uuidv7 } from 'uuid';
import { deleteQueuedRun, insertRun } from '../db/runs.ts';
import type { JobRow, RunRow } from '../db/schema.ts';
import { SchedulerError } from '../domain/errors.ts';
import { RUN_JOB_WORKFLOW, workflowIdOfRun, type RunJobInput } from '../domain/run-job.ts';
import { describeRun } from './schedule-options.ts';
import { TEMPORAL_DEADLINE_MS, type SyncDependencies } from './sync.ts';

/**
 * Starts a run of a job now, beside its schedule. Each call is a run of its own.
 * @throws SchedulerError `unavailable` when Temporal did not take it; then there is no run
 */
export async function startManualRun(
  dependencies: SyncDependencies,
  job: JobRow,
  now: Date,
): Promise<RunRow> {
  const { db, temporal, taskQueue } = dependencies;
  const id = uuidv7();
  const workflowId = workflowIdOfRun(id);
  const run = await insertRun(db, {
    id,
    job_id: job.id,
    namespace: job.namespace,
    job_generation: job.generation,
    trigger: 'manual',
    scheduled_at: now,
    started_at: null,
    ended_at: null,
    state: 'queued',
    reason: null,
    attempts: '[]',
    workflow_id: workflowId,
    temporal_run_id: null,
  });
  const input: RunJobInput = {
    jobId: job.id,
    generation: job.generation,
    trigger: 'manual',
    runId: id,
    scheduledAt: now.toISOString(),
  };
  try {
    const handle = await temporal.withDeadline(Date.now() + TEMPORAL_DEADLINE_MS, () =>
      temporal.workflow.start(RUN_JOB_WORKFLOW, {
        workflowId,
        taskQueue,
        args: [input],
        ...describeRun(job),
      }),
    );
    return { ...run, temporal_run_id: handle.firstExecutionRunId };
  } catch (error) {
    await deleteQueuedRun(db, id);
    throw new SchedulerError('unavailable', 'Temporal did not take the run; try again.', { cause: error });
  }
}
