import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Database } from '../../db/database.ts';
import { compareSoon } from '../../db/jobs/drift.ts';
import { abandonAttempt } from '../../db/runs/attempt-holder.ts';
import { noteMovedFrom } from '../../db/runs/runs.ts';
import {
  beginRun,
  type AttemptToBegin,
  type BegunRun,
  type CurrentSchedule,
} from '../../db/runs/begin-run.ts';
import { CANCELLED, endRun, type RunEnd } from '../../db/runs/run-progress.ts';
import type { Limits } from '../../domain/job/limits.ts';
import { runIdOf } from '../../domain/run/ids.ts';
import type { RunDeadline } from '../../domain/run/run-deadline.ts';
import { isOpenState } from '../../domain/run/run-state.ts';
import {
  CALL_LEASE_MS,
  type AttemptResult,
  type NextStep,
  type RunJobTask,
} from '../../domain/run/workflow-contract.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { isOccurrence } from '../../domain/schedule/occurrences.ts';
import { findMovedFrom } from './moved-occurrence.ts';
import { findNoOccurrence, refuseForeignTask } from './refuse-start.ts';
import { acquirePermit, releasePermit } from '../../scheduling/runs/permits.ts';
import { withHeartbeats, type ActivityDependencies } from './context.ts';
import { endByDeadline, finish, limitsFor, untilRetryMs } from './record.ts';

/** How far the clocks of workers and of Temporal may differ. */
export const CLOCK_SKEW_MS = 1_000;

/** An occurrence that waits for another run of its job asks again after this time. */
const OVERLAP_RETRY_MS = 1_000;

/** A run that waits until a call is no more in flight asks again after this time. */
const HELD_RETRY_MS = 500;
/**
 * For so long after Temporal scheduled the first activity of a workflow, a call of a workflow that it replaces may be in
 * flight, if its worker does not hear Temporal.
 */
const MAY_BE_HELD_MS = CALL_LEASE_MS + CLOCK_SKEW_MS;

/** A run that an activity has begun. */
type BegunTask = BegunRun &
  CurrentSchedule & {
    /** Whether the activity is the holder of the next attempt. */
    isHolder: boolean;
  };

/** An attempt that can be made now, or was made already and is to be recorded. */
export interface ReadyAttempt {
  task: RunJobTask;
  run: BegunRun;
  number: number;
  /** The fencing token of this attempt; undefined if an earlier version began it. */
  token: number | undefined;
  /** The result, if the attempt was made before and could not be recorded. */
  unrecorded?: AttemptResult;
}

/**
 * The preamble of every attempt: begins the run, and answers the attempt that it makes now, or the step
 * that it takes instead. Ends a run that was cancelled or is past its deadline, waits for the time of a
 * retry, acquires a permit if the job has limits, and waits for a run that has to end first. Refuses what a
 * schedule started that somebody changed in Temporal. `unrecorded` is the result of an attempt that was made before.
 * @throws ApplicationFailure if the run has failed already, or if the task is not that of this workflow
 */
export async function beginAttempt(
  dependencies: ActivityDependencies,
  task: RunJobTask,
  unrecorded?: AttemptResult,
): Promise<ReadyAttempt | NextStep> {
  const { info } = Context.current();
  await refuseForeignTask(dependencies, task);
  const run = await beginTask(dependencies.db, task, {
    isLocal: info.isLocal,
    madeNumber: unrecorded?.attempt.number,
    mayBeHeld: Date.now() - info.scheduledTimestampMs < MAY_BE_HELD_MS,
  });
  if (!run) return { next: 'done', result: { runId: runIdOf(task), state: 'skipped' } };
  const movedFrom = run.attempts.length === 0 ? findMovedFrom(run, task) : [];
  if (movedFrom.length > 0) await noteMovedFrom(dependencies.db, run.id, movedFrom);
  if (!isOpenState(run.state)) return finish(run);
  const number = run.attempts.length + 1;
  if (unrecorded?.attempt.number === number) {
    const { token } = unrecorded;
    return { task, run, number, token, unrecorded };
  }

  const none = number === 1 ? findNoOccurrence(run, task) : undefined;
  if (none) {
    await compareSoon(dependencies.db, [task.jobId], new Date());
    return endWithoutAttempt(dependencies, run, { state: 'skipped', ...none });
  }
  const end = run.cancel_requested_at === null ? endByDeadline(run, Date.now()) : CANCELLED;
  if (end) return endWithoutAttempt(dependencies, run, end);
  const limits = limitsFor(run);
  const delayMs = untilRetryMs(run.attempts.at(-1));
  // A local activity makes a first call that can be made at once. The activity does everything else.
  if (info.isLocal && (number > 1 || limits || run.state === 'queued')) return retryAfter(delayMs);
  if (run.isHeld)
    return retryAfter(HELD_RETRY_MS, 'a call that Temporal has given up may still be in flight');
  const token = run.holder?.number === number ? run.holder.token : undefined;
  // The worker of the last attempt may have died before it told Temporal how long to wait.
  if (delayMs > CLOCK_SKEW_MS) {
    await abandonAttempt(dependencies.db, run.id, token);
    return retryAfter(delayMs, 'the next attempt has to wait');
  }
  if (!limits) return run.state === 'queued' ? waitForOverlap() : { task, run, number, token };
  return beginWithPermit(dependencies, task, run, limits);
}

/** Acquires a permit for the attempt of a run, and begins a queued run with it. */
async function beginWithPermit(
  dependencies: ActivityDependencies,
  task: RunJobTask,
  run: BegunTask,
  limits: Limits,
): Promise<ReadyAttempt | NextStep> {
  const { id, deadline } = run;
  const isBlocked = run.state === 'queued' && run.isBlocked;
  const number = run.attempts.length + 1;
  let begun: BegunRun = run;
  let token: number | undefined;
  if (!isBlocked) {
    const holder = {
      startedAt: new Date(),
      temporalRunId: workflowExecutionOf(Context.current()).runId,
      isDelegated: run.target.type !== 'http',
    };
    // Other runs may hold the lock of the scope for long.
    const permit = await withHeartbeats(Context.current(), () =>
      acquirePermit(dependencies, { id, deadline, holder }, limits),
    );
    if (permit.state === 'tooLate')
      return endWithoutAttempt(dependencies, run, { state: 'timedOut', ...permit.reason });
    if (permit.state === 'waiting') return { next: 'waitForPermit', waitMs: permit.waitMs };
    ({ token } = permit);
    if (run.state === 'queued') begun = (await beginTask(dependencies.db, task)) ?? run;
  }
  if (begun.state === 'running') return { task, run: begun, number, token };
  // The job was paused or deleted in the meantime, or another run of it has to end first: the permit is
  // of no use now.
  await abandonAttempt(dependencies.db, id, token);
  await releasePermit(dependencies, id, token);
  return begun.state === 'queued' ? waitForOverlap() : finish(begun);
}

const retryAfter = (delayMs: number, message?: string): NextStep => ({
  next: 'retry',
  delayMs,
  ...(message === undefined ? {} : { cause: { type: 'Waiting', message } }),
});

const waitForOverlap = () => retryAfter(OVERLAP_RETRY_MS, 'another run of the job has to end first');

/** Ends a run that makes no other attempt, and gives up its permit or its place in the queue for one. */
async function endWithoutAttempt(
  dependencies: ActivityDependencies,
  run: BegunTask,
  end: RunEnd,
): Promise<NextStep> {
  if (limitsFor(run)) await releasePermit(dependencies, run.id);
  // What a former holder has begun is a lost call from now on.
  if (run.isHolder) await abandonAttempt(dependencies.db, run.id, run.holder?.token);
  await endRun(dependencies.db, run.id, end, new Date());
  dependencies.metrics.runEnded(run, end);
  return finish({ ...run, ...end });
}

/**
 * Begins the run of the workflow that this activity is part of, or finds it as it stands. Undefined if
 * the workflow stands for no occurrence, because an outdated schedule started it. `attempt` is one that
 * follows at once.
 * @throws ApplicationFailure if the job is unknown
 */
export async function beginTask(
  db: Database,
  task: RunJobTask,
  attempt?: AttemptToBegin,
): Promise<BegunTask | undefined> {
  const { workflowId, runId: temporalRunId } = workflowExecutionOf(Context.current());
  const startedAt = new Date();
  const run = await begin(db, {
    id: runIdOf(task),
    jobId: task.jobId,
    trigger: task.trigger,
    generation: task.generation,
    scheduledAt: new Date(task.scheduledAt),
    ...{ startedAt, workflowId, temporalRunId, attempt },
    deadline: deadlineOf(task),
  });
  if (!run) return undefined;
  const { holder } = run;
  const isHolder = holder?.startedAt === startedAt.toISOString() && holder.temporalRunId === temporalRunId;
  return { ...run, isHolder };
}

function workflowExecutionOf({ info: { workflowExecution } }: Context) {
  if (!workflowExecution) throw new Error('this activity runs within a workflow');
  return workflowExecution;
}

const deadlineOf = ({ deadline, timeoutMs }: RunJobTask): RunDeadline | undefined =>
  deadline === undefined || timeoutMs === undefined ? undefined : { at: new Date(deadline), timeoutMs };

async function begin(
  db: Database,
  run: Parameters<typeof beginRun>[1],
): Promise<(BegunRun & CurrentSchedule) | undefined> {
  const begun = await beginRun(db, run);
  if (!begun) throw ApplicationFailure.nonRetryable(`the job ${run.jobId} is unknown`, 'UnknownJob');
  if (begun.state !== 'outdated') return begun;
  // An instant that the newer schedule has too is an occurrence all the same. An instant from before
  // the change is none: the change itself wrote the rows of everything that was due until then.
  const instant = run.scheduledAt.getTime();
  const isDue =
    run.trigger === 'schedule' &&
    begun.isActive &&
    run.scheduledAt > begun.schedule_since &&
    isOccurrence(compileSchedule(begun.schedule), instant);
  return isDue ? begin(db, { ...run, generation: begun.schedule_generation }) : undefined;
}
