import { ApplicationFailure, Context } from '@temporalio/activity';
import { validate as isUuid } from 'uuid';
import { compareSoon } from '../../db/jobs/drift.ts';
import type { BegunRun, CurrentSchedule } from '../../db/runs/begin-run.ts';
import { isTaskOfWorkflow, SCHEDULE_ID_PREFIX } from '../../domain/run/ids.ts';
import { reasonFor, type Reason } from '../../domain/run/reasons.ts';
import type { RunJobTask } from '../../domain/run/workflow-contract.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { isOccurrence, suppressedOccurrences } from '../../domain/schedule/occurrences.ts';
import { skipAt, wordsOfSkip } from '../../domain/schedule/skips.ts';
import type { ActivityDependencies } from './context.ts';

// What a Temporal Schedule starts that somebody has changed in Temporal. The reconciler repairs the schedule, and
// starts the occurrences that it left out.

const UUID_LENGTH = 36;

/** @throws ApplicationFailure, final, if a schedule started this workflow for a run that is not its own */
export async function refuseForeignTask(
  { db, logger }: Pick<ActivityDependencies, 'db' | 'logger'>,
  task: RunJobTask,
): Promise<void> {
  const workflowId = Context.current().info.workflowExecution?.workflowId ?? '';
  if (isTaskOfWorkflow(workflowId, task)) return;
  const ofSchedule = workflowId.slice(SCHEDULE_ID_PREFIX.length).slice(0, UUID_LENGTH);
  const jobIds = [task.jobId, ofSchedule].filter((id) => isUuid(id));
  logger.warn(
    { workflowId, jobId: task.jobId },
    'refused a workflow whose arguments are not those of its run',
  );
  await compareSoon(db, jobIds, new Date());
  throw ApplicationFailure.nonRetryable(
    `the arguments are not those of the run that the workflow id ${JSON.stringify(workflowId)} names: its schedule was changed in Temporal`,
    'ForeignTask',
  );
}

/**
 * Why a run is none, if Temporal started it for an instant at which its job is not due. An instant is judged if it lies
 * after the last change of the schedule, and if that very schedule started the run; or if it lies before the job. The
 * others are those of earlier definitions. Pure.
 */
export function findNoOccurrence(run: BegunRun & CurrentSchedule, task: RunJobTask): Reason | undefined {
  if (task.runId !== undefined) return undefined;
  const instant = Date.parse(task.scheduledAt);
  if (instant < run.created_at.getTime()) return reasonFor('notAnOccurrence');
  const isOfSchedule = task.generation === run.schedule_generation && instant > run.schedule_since.getTime();
  if (!isOfSchedule) return undefined;
  const compiled = compileSchedule(run.schedule);
  if (isOccurrence(compiled, instant)) return undefined;
  const skip = skipAt(run.schedule, instant);
  if (skip) return reasonFor('skippedByRequest', wordsOfSkip(skip));
  const isRepeated = suppressedOccurrences(compiled, instant - 1, instant).includes(instant);
  return reasonFor(isRepeated ? 'repeatedLocalTime' : 'notAnOccurrence');
}
