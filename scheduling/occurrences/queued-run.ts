import type { JobRow, NewRun } from '../../db/schema.ts';
import type { LATE_HOOKS, Lateness } from '../../domain/run/hook-trigger.ts';
import type { Origin } from '../../domain/run/origin.ts';
import { runIdOfOccurrence, workflowIdOfOccurrence, workflowIdOfRun } from '../../domain/run/ids.ts';
import type { Reason } from '../../domain/run/reasons.ts';
import type { Trigger } from '../../domain/run/run.ts';

/** The row of a run that has not started. Pure. */
function queuedRun(
  job: JobRow,
  run: { id: string; trigger: Trigger; scheduledAt: Date; workflowId: string },
): NewRun {
  return {
    id: run.id,
    job_id: job.id,
    namespace: job.namespace,
    job_generation: job.generation,
    trigger: run.trigger,
    scheduled_at: run.scheduledAt,
    started_at: null,
    ended_at: null,
    state: 'queued',
    reason: null,
    attempts: '[]',
    workflow_id: run.workflowId,
    temporal_run_id: null,
    cancel_requested_at: null,
  };
}

/**
 * Makes the rows of a job's occurrences, each with the workflow id that Temporal's scheduler would give it. `movedFrom` tells from
 * which dates one was moved; without it, none was. Pure.
 */
export function occurrenceRun(
  job: JobRow,
  instant: number,
  movedFrom: (instant: number) => string[] = () => [],
): NewRun {
  const scheduledAt = new Date(instant);
  const workflowId = workflowIdOfOccurrence(job.id, instant);
  const id = runIdOfOccurrence(job.id, scheduledAt);
  const from = movedFrom(instant);
  const row = queuedRun(job, { id, trigger: 'schedule', scheduledAt, workflowId });
  return { ...row, moved_from: from.length > 0 ? from : null };
}

/** The row of an occurrence that was left out, for a reason that was known before it was due. Pure. */
export function skippedRun(job: JobRow, instant: number, { reason, reasonCode }: Reason): NewRun {
  return {
    ...occurrenceRun(job, instant),
    state: 'skipped',
    ended_at: new Date(instant),
    reason,
    reason_code: reasonCode,
  };
}

/** The row of a run that a request, its `origin`, asked for. The reconciler checks it from `checkAt` on. Pure. */
export function requestedRun(
  job: JobRow,
  run: {
    id: string;
    trigger: Exclude<Trigger, 'schedule'>;
    scheduledAt: Date;
    checkAt: Date;
    origin: Origin;
  },
): NewRun {
  const { checkAt, origin, ...rest } = run;
  return {
    ...queuedRun(job, { ...rest, workflowId: workflowIdOfRun(run.id) }),
    check_at: checkAt,
    origin: JSON.stringify(origin),
  };
}

/** The row of a call of `onLate` or `onTime`. Pure. */
export function lateHookRun(
  job: JobRow,
  run: { id: string; trigger: (typeof LATE_HOOKS)[number]; now: Date; cause: Lateness },
): NewRun {
  const { id, trigger, now, cause } = run;
  return {
    ...queuedRun(job, { id, trigger, scheduledAt: now, workflowId: workflowIdOfRun(id) }),
    check_at: now,
    cause: JSON.stringify(cause),
  };
}
