import { ApplicationFailure } from '@temporalio/activity';
import type { BegunRun } from '../../db/runs/begin-run.ts';
import { recordAttempt, type RunEnd } from '../../db/runs/run-progress.ts';
import { isHook } from '../../domain/run/hook-trigger.ts';
import { limitsOf } from '../../domain/job/limits.ts';
import { reasonFor } from '../../domain/run/reasons.ts';
import { RUN_FAILED } from '../../domain/run/temporal-names.ts';
import type { RunJobResult } from '../../domain/run/workflow-contract.ts';
import { grantWaiting } from '../../scheduling/runs/permits.ts';
import type { ActivityDependencies } from './dependencies.ts';
import type { EndedAttempt } from './ended-attempt.ts';
import { ENDED_IN_TEMPORAL } from './make-attempt.ts';
import { fieldsOf } from './trace-run.ts';

/** Records an attempt, and passes its turn on. Answers how the run ends with it; undefined if it goes on. */
export async function recordEnd(
  dependencies: ActivityDependencies,
  run: BegunRun,
  ended: EndedAttempt,
): Promise<RunEnd | undefined> {
  const { db, logger, metrics } = dependencies;
  const { attempt } = ended;
  const end = findEnd(ended);
  await recordAttempt(db, run.id, attempt, end, ended.goneUrl);
  metrics.attemptEnded(run, attempt, end);
  const { number, outcome, statusCode, error } = attempt;
  logger.info({ ...fieldsOf(run), attempt: number, outcome, statusCode, error }, 'attempt ended');
  const limits = limitsFor(run);
  if (limits) {
    await grantWaiting(dependencies, limits.scope).catch((failure: unknown) => {
      // The reconciler does it.
      logger.warn({ err: failure, ...fieldsOf(run) }, 'could not pass on a turn');
    });
  }
  return end;
}

/** The limits under which a run makes its attempts; a hook has none. Pure. */
export const limitsFor = (run: BegunRun) => (isHook(run.trigger) ? undefined : limitsOf(run.job));

const CODE_OF_LAST = { failed: 'attemptFailed', cancelled: 'cancelled', timedOut: 'timeoutReached' } as const;

/** How a run ends with an attempt; undefined if it goes on, or if Temporal alone knows how it ended. */
function findEnd({ attempt, timedOut }: EndedAttempt): RunEnd | undefined {
  if (attempt.error === ENDED_IN_TEMPORAL) return undefined;
  const { outcome, error } = attempt;
  if (timedOut !== undefined) {
    const code = outcome === 'timedOut' ? 'timeoutReached' : 'nextAttemptTooLate';
    return { state: 'timedOut', ...reasonFor(code, timedOut) };
  }
  const goesOn = outcome === 'failed' && attempt.retryAt !== null;
  if (goesOn) return undefined;
  if (outcome === 'succeeded') return { state: outcome, reason: null, reasonCode: null };
  return { state: outcome, ...reasonFor(CODE_OF_LAST[outcome], error ?? undefined) };
}

/** Ends the activity as its run ended: a failed run fails it, for good. */
export function settle(run: Pick<BegunRun, 'id' | 'state' | 'reason' | 'attempts'>): RunJobResult {
  const { id: runId, state } = run;
  if (state === 'succeeded') return { runId, state };
  const hasNotBegun =
    state === 'skipped' || state === 'missed' || (state === 'cancelled' && run.attempts.length === 0);
  if (hasNotBegun) return { runId, state: 'skipped' };
  const type = state === 'cancelled' ? 'RunCancelled' : RUN_FAILED;
  throw ApplicationFailure.nonRetryable(run.reason ?? 'the run failed', type);
}
