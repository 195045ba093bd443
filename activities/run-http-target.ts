import { ApplicationFailure, Context } from '@temporalio/activity';
import type { ActivityCancellationDetails } from '@temporalio/common';
import type { Database } from '../db/database.ts';
import { beginRun, recordAttempt, type BegunRun, type RunEnd } from '../db/run-progress.ts';
import { compileSchedule } from '../domain/compile-schedule.ts';
import { toInstant } from '../domain/instant.ts';
import { occurrences } from '../domain/occurrences.ts';
import { retryDelayMs } from '../domain/retry.ts';
import { runIdOfOccurrence, type RunJobResult, type RunJobTask } from '../domain/run-job.ts';
import type { Attempt } from '../domain/run.ts';
import { callHttp } from './call-http.ts';
import type { ActivityDependencies } from './dependencies.ts';

/** Kept in Temporal by a heartbeat: an attempt whose call has ended, and that may not have been recorded yet. */
interface Outcome {
  attempt: Attempt;
  retryable: boolean;
}

/** An occurrence that has to wait for a run that was made up asks again after this time. */
const OVERLAP_PAUSE_MS = 1_000;

/** Also how soon a call learns that its run was cancelled. */
const HEARTBEAT_MS = 1_000;

/**
 * The activity that carries out the run of a job with an HTTP target: it reads the job, makes one call, and records it.
 * For another call it fails with the wait that the job asks for, so that Temporal retries it. What it has recorded it
 * never does again: after a crash or a database outage it goes on where it stopped, and a call that ended before is
 * recorded rather than repeated.
 */
export function createRunHttpTarget({ db, logger, dispatcher }: ActivityDependencies) {
  return async function runHttpTarget(task: RunJobTask): Promise<RunJobResult> {
    const context = Context.current();
    const { workflowExecution } = context.info;
    if (!workflowExecution) throw new Error('this activity runs within a workflow');
    const scheduledAt = new Date(task.scheduledAt);
    const runId = task.runId ?? runIdOfOccurrence(task.jobId, scheduledAt);
    const run = await begin(db, {
      id: runId,
      jobId: task.jobId,
      trigger: task.trigger,
      generation: task.generation,
      scheduledAt,
      startedAt: new Date(),
      workflowId: workflowExecution.workflowId,
      temporalRunId: workflowExecution.runId,
    });
    if (!run) return { runId, state: 'skipped' };
    if (run.state === 'queued') {
      throw ApplicationFailure.create({
        message: 'another run of the job has to end first',
        type: 'Waiting',
        nextRetryDelay: OVERLAP_PAUSE_MS,
      });
    }
    if (run.state !== 'running') return settle(run);

    const number = run.attempts.length + 1;
    const known = context.info.heartbeatDetails as Outcome | undefined;
    const outcome = known?.attempt.number === number ? known : await call(run, number);
    const { attempt } = outcome;
    const end = findEnd(outcome, run);
    await recordAttempt(db, runId, attempt, end);
    logger.info(
      {
        jobId: task.jobId,
        runId,
        attempt: number,
        outcome: attempt.outcome,
        statusCode: attempt.statusCode,
        error: attempt.error,
      },
      'attempt ended',
    );
    if (end) return settle({ id: runId, ...end });
    if (attempt.outcome === 'cancelled') throw ApplicationFailure.nonRetryable(ENDED, 'Ended');
    throw ApplicationFailure.create({
      message: `attempt ${number} failed: ${attempt.error}`,
      type: 'AttemptFailed',
      nextRetryDelay: retryDelayMs(run.retry, number),
    });

    async function call(begun: BegunRun, attemptNumber: number): Promise<Outcome> {
      const heartbeat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
      const startedAt = new Date().toISOString();
      const headers = {
        'idempotency-key': runId,
        'x-scheduler-job': task.jobId,
        'x-scheduler-run': runId,
        'x-scheduler-scheduled-at': toInstant(scheduledAt.getTime()),
        'x-scheduler-attempt': String(attemptNumber),
      };
      try {
        const { succeeded, retryable, ...answer } = await callHttp(
          dispatcher,
          begun.target,
          headers,
          context.cancellationSignal,
        );
        const brokenOff = !succeeded && context.cancellationSignal.aborted;
        const cancellation = brokenOff ? findCancellation(context.cancellationDetails) : undefined;
        // A call that a stopping worker broke off says nothing about the target: another worker makes it again.
        if (brokenOff && cancellation === undefined) {
          throw ApplicationFailure.retryable(
            'the call was broken off because the worker stopped',
            'Interrupted',
          );
        }
        const endedAt = new Date().toISOString();
        const ended: Outcome = {
          attempt: {
            number: attemptNumber,
            startedAt,
            endedAt,
            outcome: cancellation !== undefined ? 'cancelled' : succeeded ? 'succeeded' : 'failed',
            ...answer,
            error: cancellation ?? answer.error,
          },
          retryable,
        };
        context.heartbeat(ended);
        return ended;
      } finally {
        clearInterval(heartbeat);
      }
    }
  };
}

/**
 * Begins a run; undefined if it is none, because an outdated schedule started it.
 * @throws ApplicationFailure for a job that is unknown
 */
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

/** How a run ends with an attempt; undefined if it goes on, or if Temporal alone knows how it ended. */
function findEnd({ attempt, retryable }: Outcome, { retry }: BegunRun): RunEnd | undefined {
  if (attempt.error === ENDED) return undefined;
  const isFinal = attempt.outcome !== 'failed' || !retryable || attempt.number >= retry.maxAttempts;
  return isFinal ? { state: attempt.outcome, reason: attempt.error } : undefined;
}

/** Said of an attempt whose workflow was terminated or timed out: the reconciler finds out which. */
const ENDED = 'the run was ended in Temporal';

/** Why Temporal wanted the run to end; undefined if it did not, and only this worker is to stop. */
function findCancellation(details: ActivityCancellationDetails | undefined): string | undefined {
  if (details?.cancelRequested) return 'the run was cancelled';
  if (details?.notFound) return ENDED;
  return undefined;
}

/** Ends the activity as its run ended: a failed run fails it, for good. */
function settle(run: Pick<BegunRun, 'id' | 'state' | 'reason'>): RunJobResult {
  if (run.state === 'succeeded') return { runId: run.id, state: 'succeeded' };
  if (run.state === 'skipped' || run.state === 'missed') return { runId: run.id, state: 'skipped' };
  throw ApplicationFailure.nonRetryable(run.reason ?? 'the run failed', 'RunFailed');
}
