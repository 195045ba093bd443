import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure, Context } from '@temporalio/activity';
import type { BegunRun } from '../db/runs/begin-run.ts';
import { runIdOf } from '../domain/run/ids.ts';
import {
  encodeStep,
  type AttemptResult,
  type DelegatedAttempt,
  type NextStep,
  type RunJobTask,
  type StepOnWire,
} from '../domain/run/workflow-contract.ts';
import { beginAttempt, type ReadyAttempt } from './attempt/begin.ts';
import type { ActivityDependencies } from './attempt/context.ts';
import { delegate, findRefusal } from './attempt/delegate.ts';
import { whileHeard } from './attempt/liveness.ts';
import { completeAttempt, makeAttempt } from './attempt/make.ts';
import { recordResult, type Recorded } from './attempt/record.ts';
import { placeholdersOf } from './call/prepare-call.ts';

/** Until a record that failed is tried again, well within the heartbeat timeout. */
const RECORD_RETRY_MS = 1_000;

/** After this time without a record, a heartbeat carries the result to Temporal. */
const HEARTBEAT_RESULT_AFTER_MS = 100;

/**
 * The activity `runHttpTarget`, which makes the next attempt of a run with any target; histories hold its older name. It makes an HTTP call itself and
 * records it; it delegates a workflow or an activity of the user to the workflow. For another attempt
 * it fails with the wait that the job asks for, so that Temporal retries it then. After a crash it
 * continues where it stopped: a result that Temporal keeps, in a heartbeat or as `unrecorded`, is
 * recorded instead of calling again.
 */
export function createRunTarget(dependencies: ActivityDependencies) {
  return async function runTarget(task: RunJobTask, unrecorded?: AttemptResult): Promise<StepOnWire> {
    const step = await takeNextStep(task, unrecorded);
    if (step.next !== 'retry') return encodeStep(runIdOf(task), step, 'goesOn');
    throw ApplicationFailure.create({ ...step.cause, nextRetryDelay: step.delayMs });
  };

  async function takeNextStep(task: RunJobTask, unrecorded?: AttemptResult): Promise<NextStep> {
    const context = Context.current();
    const inHeartbeat = context.info.heartbeatDetails as AttemptResult | undefined;
    const ready = await beginAttempt(dependencies, task, inHeartbeat ?? unrecorded);
    if ('next' in ready) return ready;
    const make = prepareWork(ready, context);
    if (typeof make !== 'function') return { next: 'delegate', attempt: make };
    return completeAttempt(ready, make, (result) => recordWithHeartbeats(context, ready.run, result));
  }

  /** A function that makes the attempt here, or the attempt for the workflow to make. */
  function prepareWork(
    ready: ReadyAttempt,
    context: Context,
  ): DelegatedAttempt | (() => Promise<AttemptResult>) {
    const { run, number, token, task, unrecorded } = ready;
    if (unrecorded) return () => Promise.resolve(unrecorded);
    const { target } = run;
    if (target.type === 'http')
      return () =>
        whileHeard(dependencies.temporal, context, (control) =>
          makeAttempt(dependencies, control, ready, target),
        );
    dependencies.metrics.attemptStarted(run, number, new Date(task.scheduledAt), new Date());
    const attempt = delegate(run, target, placeholdersOf(task, run.id, { number, token }), token);
    const refusal = findRefusal(attempt, target, run, dependencies.taskQueue);
    return refusal ? () => Promise.resolve(refusal) : attempt;
  }

  /**
   * Records a result. If that takes long or fails, a heartbeat tells Temporal the result, so that the
   * next activity records it instead of calling again. Temporal does not retry an activity that is to
   * be cancelled, so then this one retries the record.
   */
  async function recordWithHeartbeats(
    context: Context,
    run: BegunRun,
    result: AttemptResult,
  ): Promise<Recorded> {
    for (;;) {
      // Usually the record is there sooner. A heartbeat for every run would cost as much as the record.
      const late = setTimeout(() => context.heartbeat(result), HEARTBEAT_RESULT_AFTER_MS);
      try {
        return await recordResult(dependencies, run, result);
      } catch (error) {
        context.heartbeat(result);
        if (!context.cancellationDetails?.cancelRequested) throw error;
        await sleep(RECORD_RETRY_MS);
      } finally {
        clearTimeout(late);
      }
    }
  }
}
