import { ApplicationFailure } from '@temporalio/activity';
import { CANCELLED } from '../../db/runs/run-progress.ts';
import type { RunDeadline } from '../../domain/run/run-deadline.ts';
import type {
  DelegatedOutcome,
  RunJobResult,
  RunJobTask,
  RunRetrying,
} from '../../domain/run/workflow-contract.ts';
import { beginOfTask } from './begin-run.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { describeOverdue, endAttempt, type EndedAttempt } from './ended-attempt.ts';
import { recordEnd, settle } from './record-end.ts';
import { MAX_ERROR_LENGTH, toStorable } from '../call/to-storable.ts';
import { traceAttempt } from './trace-run.ts';

/**
 * The activity that records how an attempt ended that a workflow made, and decides whether another one follows. What has
 * been recorded it finds as it stands.
 */
export function createRecordOutcome(dependencies: ActivityDependencies) {
  return async function recordOutcome(
    task: RunJobTask,
    outcome: DelegatedOutcome,
  ): Promise<RunJobResult | RunRetrying> {
    const run = await beginOfTask(dependencies.db, task);
    if (!run) throw ApplicationFailure.nonRetryable('the run is unknown', 'UnknownRun');
    if (run.state !== 'running') return settle(run);
    const recorded = run.attempts[outcome.number - 1];
    if (recorded) {
      const delayMs = Math.max(0, Date.parse(recorded.retryAt ?? '') - Date.now()) || 0;
      return { runId: run.id, state: 'retrying', delayMs };
    }
    const ended: EndedAttempt = endAttempt(
      {
        number: outcome.number,
        startedAt: new Date(outcome.startedAt),
        endedAt: new Date(outcome.endedAt),
        verdict: outcome.verdict,
        statusCode: null,
        error: describeOutcome(outcome, run.deadline),
        responseExcerpt: outcome.result && toStorable(outcome.result),
      },
      run.retry,
      run.deadline,
    );
    const { end } = await traceAttempt(run, outcome.number, async () => ({
      made: ended,
      end: await recordEnd(dependencies, run, ended),
    }));
    return end
      ? settle({ ...run, ...end, attempts: [ended.attempt] })
      : { runId: run.id, state: 'retrying', delayMs: ended.retryDelayMs };
  };
}

function describeOutcome(
  { verdict, error }: DelegatedOutcome,
  deadline: RunDeadline | undefined,
): string | null {
  if (verdict === 'cancelled') return error ?? CANCELLED.reason;
  if (verdict === 'timedOut' && deadline) return describeOverdue(deadline);
  return error && toStorable(error, [], MAX_ERROR_LENGTH);
}
