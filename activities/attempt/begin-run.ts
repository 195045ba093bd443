import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Database } from '../../db/database.ts';
import { beginRun, type BegunRun } from '../../db/runs/begin-run.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { occurrences } from '../../domain/schedule/occurrences.ts';
import type { RunDeadline } from '../../domain/run/run-deadline.ts';
import { runIdOf, type RunJobTask } from '../../domain/run/workflow-contract.ts';

/**
 * Begins the run of the workflow that this activity is part of, or finds it as it stands; undefined if it is none,
 * because an outdated schedule started it.
 * @throws ApplicationFailure for a job that is unknown
 */
export function beginOfTask(db: Database, task: RunJobTask): Promise<BegunRun | undefined> {
  const { workflowExecution } = Context.current().info;
  if (!workflowExecution) throw new Error('this activity runs within a workflow');
  return begin(db, {
    id: runIdOf(task),
    jobId: task.jobId,
    trigger: task.trigger,
    generation: task.generation,
    scheduledAt: new Date(task.scheduledAt),
    startedAt: new Date(),
    workflowId: workflowExecution.workflowId,
    temporalRunId: workflowExecution.runId,
    deadline: deadlineOf(task),
  });
}

const deadlineOf = ({ deadline, timeoutMs }: RunJobTask): RunDeadline | undefined =>
  deadline === undefined || timeoutMs === undefined ? undefined : { at: new Date(deadline), timeoutMs };

/** Tells whether a run has not ended. Pure. */
export const isOpen = ({ state }: BegunRun) => state === 'queued' || state === 'running';

async function begin(db: Database, run: Parameters<typeof beginRun>[1]): Promise<BegunRun | undefined> {
  const begun = await beginRun(db, run);
  if (!begun) throw ApplicationFailure.nonRetryable(`the job ${run.jobId} is unknown`, 'UnknownJob');
  if (begun.state !== 'outdated') return begun;
  // What the newer schedule has as well is an occurrence all the same. What was due before it was made is not: when the
  // job was changed, whatever had been due until then got its row.
  const instant = run.scheduledAt.getTime();
  const isOccurrence =
    begun.isActive &&
    run.scheduledAt > begun.schedule_since &&
    occurrences(compileSchedule(begun.schedule), instant - 1, 1)[0] === instant;
  return isOccurrence ? begin(db, { ...run, generation: begun.schedule_generation }) : undefined;
}
