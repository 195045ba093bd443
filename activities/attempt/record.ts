import { ApplicationFailure } from '@temporalio/activity';
import type { BegunRun } from '../../db/runs/begin-run.ts';
import { recordAttempt, type RunEnd } from '../../db/runs/run-progress.ts';
import { limitsOf } from '../../domain/job/limits.ts';
import { isHook } from '../../domain/run/hook-trigger.ts';
import { RUN_FAILED, type AttemptResult, type NextStep } from '../../domain/run/workflow-contract.ts';
import { grantWaiting } from '../../scheduling/runs/permits.ts';
import type { ActivityDependencies } from './context.ts';
import { endAfter } from './result.ts';
import { fieldsOf } from './trace.ts';

/** What a record says of the run: how it ended, that it is still open, or nothing, because there is no record yet. */
export type Recorded = RunEnd | 'open' | 'unrecorded';

/** Records an attempt, and grants its permit to the next run in the queue. Doing it again changes nothing. */
export async function recordResult(
  dependencies: ActivityDependencies,
  run: BegunRun,
  result: AttemptResult,
): Promise<RunEnd | 'open'> {
  const { db, logger, metrics } = dependencies;
  const { attempt } = result;
  const end = endAfter(result);
  await recordAttempt(db, run.id, attempt, end, result.goneUrl);
  metrics.attemptEnded(run, attempt, end);
  const { number, outcome, statusCode, error } = attempt;
  logger.info({ ...fieldsOf(run), attempt: number, outcome, statusCode, error }, 'attempt ended');
  const limits = limitsFor(run);
  if (limits) {
    await grantWaiting(dependencies, limits.scope).catch((failure: unknown) => {
      // The reconciler does it.
      logger.warn({ err: failure, ...fieldsOf(run) }, 'could not grant the next permit');
    });
  }
  return end ?? 'open';
}

/** The limits under which a run makes its attempts; the call of a hook has none. Pure. */
export const limitsFor = (run: BegunRun) => (isHook(run.trigger) ? undefined : limitsOf(run.job));

/**
 * The last step of a run that has ended.
 * @throws ApplicationFailure if the run failed, so that its workflow fails as well
 */
export function finish(run: Pick<BegunRun, 'id' | 'state' | 'reason' | 'attempts'>): NextStep {
  const { id: runId, state } = run;
  if (state === 'succeeded') return { next: 'done', result: { runId, state } };
  const hasNotBegun =
    state === 'skipped' || state === 'missed' || (state === 'cancelled' && run.attempts.length === 0);
  if (hasNotBegun) return { next: 'done', result: { runId, state: 'skipped' } };
  const type = state === 'cancelled' ? 'RunCancelled' : RUN_FAILED;
  throw ApplicationFailure.nonRetryable(run.reason ?? 'the run failed', type);
}
