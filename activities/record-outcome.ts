import { ApplicationFailure } from '@temporalio/activity';
import { CANCELLED, endRun } from '../db/runs/run-progress.ts';
import { runIdOf } from '../domain/run/ids.ts';
import type { RunDeadline } from '../domain/run/run-deadline.ts';
import {
  encodeStep,
  type AttemptResult,
  type DelegatedOutcome,
  type NextStep,
  type RunJobTask,
  type StepOnWire,
} from '../domain/run/workflow-contract.ts';
import { beginTask } from './attempt/begin.ts';
import type { ActivityDependencies } from './attempt/context.ts';
import { completeAttempt } from './attempt/make.ts';
import { describeDeadline, finish, recordResult, toResult, untilRetryMs } from './attempt/record.ts';
import { MAX_ERROR_LENGTH, toStorable } from './call/redact.ts';

// The activities that make no attempt, but record what the workflow knows.

/**
 * The activity that records the outcome of a delegated attempt, and answers the step that follows.
 * Doing it again changes nothing.
 * @throws ApplicationFailure if the run failed
 */
export function createRecordOutcome(dependencies: ActivityDependencies) {
  return async function recordOutcome(task: RunJobTask, outcome: DelegatedOutcome): Promise<StepOnWire> {
    return encodeStep(runIdOf(task), await record(task, outcome), 'retrying');
  };

  async function record(task: RunJobTask, outcome: DelegatedOutcome): Promise<NextStep> {
    const run = await beginTask(dependencies.db, task);
    if (!run) throw ApplicationFailure.nonRetryable('the run is unknown', 'UnknownRun');
    if (run.state !== 'running') return finish(run);
    const { number, token, verdict } = outcome;
    const recorded = run.attempts[number - 1];
    if (recorded) return { next: 'retry', delayMs: untilRetryMs(recorded) };
    const result = toResult(
      {
        number,
        startedAt: new Date(outcome.startedAt),
        endedAt: new Date(outcome.endedAt),
        verdict,
        statusCode: null,
        error: describeOutcome(outcome, run.deadline),
        responseExcerpt: outcome.result && toStorable(outcome.result),
      },
      run,
      token,
    );
    return completeAttempt(
      { run, number },
      () => Promise.resolve(result),
      () => recordResult(dependencies, run, result),
    );
  }
}

function describeOutcome(
  { verdict, error }: DelegatedOutcome,
  deadline: RunDeadline | undefined,
): string | null {
  if (verdict === 'cancelled') return error ?? CANCELLED.reason;
  if (verdict === 'timedOut' && deadline) return describeDeadline(deadline);
  return error && toStorable(error, [], MAX_ERROR_LENGTH);
}

/**
 * The activity that ends a cancelled run whose last call did not record that. An `unrecorded` attempt
 * is recorded first, and may end the run in its own way. Doing it again changes nothing.
 */
export function createRecordCancelled(dependencies: ActivityDependencies) {
  const { db } = dependencies;
  return async function recordCancelled(task: RunJobTask, unrecorded?: AttemptResult): Promise<void> {
    const run = unrecorded && (await beginTask(db, task));
    if (run) await recordResult(dependencies, run, unrecorded);
    await endRun(db, runIdOf(task), CANCELLED, new Date());
  };
}
