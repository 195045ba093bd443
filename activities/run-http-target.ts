import { setTimeout } from 'node:timers/promises';
import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Database } from '../db/database.ts';
import {
  beginRun,
  CANCELLED,
  endRun,
  recordAttempt,
  type BegunRun,
  type RunEnd,
} from '../db/run-progress.ts';
import { compileSchedule } from '../domain/compile-schedule.ts';
import { toInstant } from '../domain/instant.ts';
import { occurrences } from '../domain/occurrences.ts';
import { RUN_FAILED } from '../domain/run-failed.ts';
import { runIdOf, type RunJobResult, type RunJobTask } from '../domain/run-job.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { ENDED_IN_TEMPORAL, makeAttempt, type EndedAttempt } from './make-attempt.ts';

/** An occurrence that has to wait for a run that was made up asks again after this time. */
const OVERLAP_PAUSE_MS = 1_000;

/** A record that failed is tried again after this time, well within the heartbeat timeout. */
const RECORD_AGAIN_MS = 1_000;

/**
 * The activity that carries out the run of a job with an HTTP target: it reads the job, makes one call, and records it.
 * For another call it fails with the wait that the job asks for, so that Temporal retries it. What it has recorded it
 * never does again: after a crash or a database outage it goes on where it stopped, and a call that ended before is
 * recorded rather than repeated.
 */
export function createRunHttpTarget(dependencies: ActivityDependencies) {
  const { db, logger } = dependencies;
  return async function runHttpTarget(task: RunJobTask): Promise<RunJobResult> {
    const context = Context.current();
    const { workflowExecution } = context.info;
    if (!workflowExecution) throw new Error('this activity runs within a workflow');
    const scheduledAt = new Date(task.scheduledAt);
    const runId = runIdOf(task);
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
    const isOpen = run.state === 'queued' || run.state === 'running';
    const number = run.attempts.length + 1;
    const heartbeat = context.info.heartbeatDetails as EndedAttempt | undefined;
    const known = heartbeat?.attempt.number === number ? heartbeat : undefined;
    if (isOpen && !known && run.cancel_requested_at !== null) {
      await endRun(db, runId, CANCELLED, new Date());
      return settle({ ...run, ...CANCELLED });
    }
    if (run.state === 'queued') {
      throw ApplicationFailure.create({
        message: 'another run of the job has to end first',
        type: 'Waiting',
        nextRetryDelay: OVERLAP_PAUSE_MS,
      });
    }
    if (run.state !== 'running') return settle(run);

    const values = {
      scheduledAt: toInstant(scheduledAt.getTime()),
      jobId: task.jobId,
      runId,
      attempt: String(number),
    };
    const ended = known ?? (await makeAttempt(dependencies, context, run, values));
    const { attempt } = ended;
    const end = findEnd(ended);
    await surely(context, ended, () => recordAttempt(db, runId, attempt, end, ended.goneUrl));
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
    if (end) return settle({ id: runId, attempts: [attempt], ...end });
    if (attempt.outcome === 'cancelled') throw ApplicationFailure.nonRetryable(ENDED_IN_TEMPORAL, 'Ended');
    throw ApplicationFailure.create({
      message: `attempt ${number} failed: ${attempt.error}`,
      type: 'AttemptFailed',
      nextRetryDelay: ended.retryDelayMs,
    });
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
function findEnd({ attempt }: EndedAttempt): RunEnd | undefined {
  if (attempt.error === ENDED_IN_TEMPORAL) return undefined;
  const goesOn = attempt.outcome === 'failed' && attempt.retryAt !== null;
  return goesOn ? undefined : { state: attempt.outcome, reason: attempt.error };
}

/**
 * Records what a call came to. Temporal tries no activity again that is to be cancelled: this one goes on then until it is
 * recorded.
 */
async function surely(context: Context, ended: EndedAttempt, record: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await record();
    } catch (error) {
      if (!context.cancellationDetails?.cancelRequested) throw error;
      context.heartbeat(ended);
      await setTimeout(RECORD_AGAIN_MS);
    }
  }
}

/** Ends the activity as its run ended: a failed run fails it, for good. */
function settle(run: Pick<BegunRun, 'id' | 'state' | 'reason' | 'attempts'>): RunJobResult {
  const { id: runId, state } = run;
  if (state === 'succeeded') return { runId, state };
  const hasNotBegun =
    state === 'skipped' || state === 'missed' || (state === 'cancelled' && run.attempts.length === 0);
  if (hasNotBegun) return { runId, state: 'skipped' };
  const type = state === 'cancelled' ? 'RunCancelled' : RUN_FAILED;
  throw ApplicationFailure.nonRetryable(run.reason ?? 'the run failed', type);
}
