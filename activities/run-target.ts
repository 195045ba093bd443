import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure, Context } from '@temporalio/activity';
import type { BegunRun } from '../db/runs/begin-run.ts';
import { CANCELLED, endRun, type RunEnd } from '../db/runs/run-progress.ts';
import type { PlaceholderValues } from '../domain/target/placeholder.ts';
import {
  runIdOf,
  type DelegatedAttempt,
  type RunJobResult,
  type RunJobTask,
  type RunWaiting,
} from '../domain/run/workflow-contract.ts';
import { findOwnQueue } from '../scheduling/temporal/task-queues.ts';
import { releasePermit, acquirePermit } from '../scheduling/runs/permits.ts';
import { beginOfTask, isOpen } from './attempt/begin-run.ts';
import type { ActivityDependencies } from './attempt/dependencies.ts';
import { endAttempt, type EndedAttempt } from './attempt/ended-attempt.ts';
import { delegate } from './attempt/delegate.ts';
import { CLOCKS_MS, ENDED_IN_TEMPORAL, makeAttempt } from './attempt/make-attempt.ts';
import { findOverdue } from './attempt/overdue-run.ts';
import { placeholdersOf } from './call/placeholders.ts';
import { limitsFor, recordEnd, settle } from './attempt/record-end.ts';
import { traceAttempt } from './attempt/trace-run.ts';
import { withHeartbeats } from './attempt/with-heartbeats.ts';

/** An occurrence that has to wait for a run that was made up asks again after this time. */
const OVERLAP_PAUSE_MS = 1_000;

/** A record that failed is tried again after this time, well within the heartbeat timeout. */
const RECORD_AGAIN_MS = 1_000;

/** A record that takes longer than this may take for ever. */
const RECORD_LATE_MS = 100;

/**
 * The activity that carries out a run: it reads the job, and asks for a turn if the job has limits. It makes an HTTP call
 * itself, and records it; a workflow or an activity of the user's own it hands back, for only a workflow can run that.
 * For another call it fails with the wait that the job asks for, so that Temporal retries it. What it has recorded it
 * never does again: after a crash or a database outage it goes on where it stopped, and a call that ended before is
 * recorded rather than repeated; so is `unrecorded`, a call that was made before.
 */
export function createRunTarget(dependencies: ActivityDependencies) {
  const { db, metrics } = dependencies;
  return async function runTarget(
    task: RunJobTask,
    unrecorded?: EndedAttempt,
  ): Promise<RunJobResult | RunWaiting | DelegatedAttempt> {
    const context = Context.current();
    let run = await beginOfTask(db, task);
    if (!run) return { runId: runIdOf(task), state: 'skipped' };
    const { id: runId } = run;
    const number = run.attempts.length + 1;
    const ended = (context.info.heartbeatDetails as EndedAttempt | undefined) ?? unrecorded;
    const known = ended?.attempt.number === number ? ended : undefined;
    if (isOpen(run) && !known) {
      if (run.cancel_requested_at !== null) return endWithoutAttempt(run, CANCELLED);
      const overdue = findOverdue(run, Date.now());
      if (overdue) return endWithoutAttempt(run, overdue);
      const limits = limitsFor(run);
      if (limits && !(run.state === 'queued' && run.isBlocked)) {
        const { deadline } = run;
        // Others may be before it at the lock of its key; this worker lives all the while.
        const turn = await withHeartbeats(context, () =>
          acquirePermit(dependencies, { id: runId, deadline }, limits),
        );
        if (turn.state === 'tooLate') return endWithoutAttempt(run, { state: 'timedOut', ...turn.reason });
        if (turn.state === 'waiting') return { runId, ...turn };
        if (run.state === 'queued') run = (await beginOfTask(db, task)) ?? run;
      }
      // Paused or deleted while it waited, or to wait for another run of its job: it needs no turn now.
      if (limits && run.state !== 'running') await releasePermit(dependencies, runId);
    }
    if (run.state === 'queued') {
      throw ApplicationFailure.create({
        message: 'another run of the job has to end first',
        type: 'Waiting',
        nextRetryDelay: OVERLAP_PAUSE_MS,
      });
    }
    if (run.state !== 'running') return settle(run);

    if (!known) waitForRetry(run);
    const values = placeholdersOf(task, runId, number);
    if (!known && number === 1) metrics.began(run, new Date(task.scheduledAt), new Date());
    const begun = run;
    const make = known ? async () => known : findStep(begun, values, context);
    if (typeof make !== 'function') return make;
    const { made, end } = await traceAttempt(begun, number, async () => {
      const made = await make();
      return { made, end: await surely(context, made, begun) };
    });
    if (end) return settle({ id: runId, attempts: [made.attempt], ...end });
    if (made.attempt.outcome === 'cancelled')
      throw ApplicationFailure.nonRetryable(ENDED_IN_TEMPORAL, 'Ended');
    throw ApplicationFailure.create({
      message: `attempt ${number} failed: ${made.attempt.error}`,
      type: 'AttemptFailed',
      nextRetryDelay: made.retryDelayMs,
    });
  };

  /** Ends a run that makes no attempt any more, and gives back its turn or its place in line. */
  async function endWithoutAttempt(run: BegunRun, end: RunEnd): Promise<RunJobResult> {
    if (limitsFor(run)) await releasePermit(dependencies, run.id);
    await endRun(db, run.id, end, new Date());
    metrics.runEnded(run, end);
    return settle({ ...run, ...end });
  }

  /** What an attempt is to do: something to hand back, or what makes it here. */
  function findStep(
    run: BegunRun,
    values: PlaceholderValues,
    context: Context,
  ): DelegatedAttempt | (() => Promise<EndedAttempt>) {
    const { target } = run;
    if (target.type === 'http')
      return () => withHeartbeats(context, () => makeAttempt(dependencies, context, run, target, values));
    const step = delegate(run, target, values);
    // Refused when the job was made; but this service may have another task queue since then.
    const fault = findOwnQueue(target, dependencies.taskQueue) ?? findExcess(step);
    if (fault === undefined) return step;
    const now = new Date();
    const refusal = { statusCode: null, error: fault, responseExcerpt: null };
    const refused = endAttempt(
      { number: Number(values.attempt), startedAt: now, endedAt: now, verdict: 'final', ...refusal },
      run.retry,
      run.deadline,
    );
    return async () => refused;
  }

  /**
   * Records what a call came to. If that takes long or fails, a heartbeat tells Temporal of it, so that whoever goes on
   * records it rather than calls again. Temporal tries no activity again that is to be cancelled: this one goes on then
   * until it is recorded.
   */
  async function surely(context: Context, ended: EndedAttempt, run: BegunRun): Promise<RunEnd | undefined> {
    for (;;) {
      // Mostly the record is there long before, and a heartbeat for each run would cost as much as the record.
      const note = setTimeout(() => context.heartbeat(ended), RECORD_LATE_MS);
      try {
        return await recordEnd(dependencies, run, ended);
      } catch (error) {
        context.heartbeat(ended);
        if (!context.cancellationDetails?.cancelRequested) throw error;
        await sleep(RECORD_AGAIN_MS);
      } finally {
        clearTimeout(note);
      }
    }
  }
}

/**
 * Whoever made the last attempt may have died, or come too late, to say how long the next one is to wait.
 * @throws ApplicationFailure that has Temporal wait for the rest
 */
function waitForRetry({ attempts }: BegunRun): void {
  const waitMs = Date.parse(attempts.at(-1)?.retryAt ?? '') - Date.now();
  if (waitMs > CLOCKS_MS)
    throw ApplicationFailure.create({
      message: 'the next attempt has to wait',
      type: 'Waiting',
      nextRetryDelay: waitMs,
    });
}

/** Temporal takes two megabytes at once; filled in, arguments may have grown. */
const MAX_ARGS_BYTES = 1_500_000;

function findExcess({ args }: DelegatedAttempt): string | undefined {
  return Buffer.byteLength(JSON.stringify(args)) > MAX_ARGS_BYTES
    ? `its arguments, filled in, are larger than ${MAX_ARGS_BYTES} bytes`
    : undefined;
}
