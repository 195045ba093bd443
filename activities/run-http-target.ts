import { ApplicationFailure, Context } from '@temporalio/activity';
import type { ActivityCancellationDetails } from '@temporalio/common';
import { beginRun, recordAttempt, type BegunRun } from '../db/runs.ts';
import { toInstant } from '../domain/instant.ts';
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
    const run = await beginRun(db, {
      id: runId,
      jobId: task.jobId,
      trigger: task.trigger,
      scheduledAt,
      startedAt: new Date(),
      workflowId: workflowExecution.workflowId,
      temporalRunId: workflowExecution.runId,
    });
    if (!run) throw ApplicationFailure.nonRetryable(`the job ${task.jobId} is unknown`, 'UnknownJob');
    if (run.state !== 'running') return settle(run);

    const number = run.attempts.length + 1;
    const known = context.info.heartbeatDetails as Outcome | undefined;
    const outcome = known?.attempt.number === number ? known : await call(run, number);
    const { attempt } = outcome;
    const final = attempt.outcome !== 'failed' || !outcome.retryable || number >= run.retry.maxAttempts;
    const end = final ? { state: attempt.outcome, reason: attempt.error } : undefined;
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

/** Why Temporal wanted the run to end; undefined if it did not, and only this worker is to stop. */
function findCancellation(details: ActivityCancellationDetails | undefined): string | undefined {
  if (details?.cancelRequested) return 'the run was cancelled';
  if (details?.notFound) return 'the run was terminated';
  return undefined;
}

/** Ends the activity as its run ended: a failed run fails it, for good. */
function settle(run: Pick<BegunRun, 'id' | 'state' | 'reason'>): RunJobResult {
  if (run.state === 'succeeded' || run.state === 'skipped') return { runId: run.id, state: run.state };
  throw ApplicationFailure.nonRetryable(run.reason ?? 'the run failed', 'RunFailed');
}
