import { ApplicationFailure } from '@temporalio/activity';
import { noteLateReport } from '../../db/runs/attempt-holder.ts';
import type { BegunRun } from '../../db/runs/begin-run.ts';
import { recordAttempt, type RunEnd } from '../../db/runs/run-progress.ts';
import { formatDuration } from '../../domain/duration.ts';
import { toInstant } from '../../domain/instant.ts';
import { limitsOf } from '../../domain/job/limits.ts';
import { isHook } from '../../domain/run/hook-trigger.ts';
import { reasonFor } from '../../domain/run/reasons.ts';
import { describeTimeout, describeTooLate, type RunDeadline } from '../../domain/run/run-deadline.ts';
import type { RecordedAttempt } from '../../domain/run/run.ts';
import {
  RUN_FAILED,
  type AttemptResult,
  type DelegatedOutcome,
  type NextStep,
} from '../../domain/run/workflow-contract.ts';
import { retryDelayMs } from '../../domain/target/retry.ts';
import { grantWaiting } from '../../scheduling/runs/permits.ts';
import type { CallOutcome } from '../call/call-http.ts';
import type { ActivityDependencies } from './context.ts';
import { tracedRunLogFields } from './trace.ts';

/** How an attempt ended, before anybody knows whether another one follows. */
export interface AttemptOutcome extends Omit<CallOutcome, 'verdict'> {
  number: number;
  startedAt: Date;
  endedAt: Date;
  /** `timedOut`: the deadline of the run ended the attempt. */
  verdict: DelegatedOutcome['verdict'];
}

/**
 * Decides whether another attempt follows and when. None follows after the deadline of the run. `token` is that of the
 * attempt's holder. Pure.
 */
export function toResult(
  outcome: AttemptOutcome,
  { retry, deadline }: Pick<BegunRun, 'retry' | 'deadline'>,
  token?: number,
): AttemptResult {
  const { number, verdict } = outcome;
  const delayMs = retryDelayMs(retry, number, outcome.retryAfterMs);
  const isRetryable = verdict === 'retryable' && number < retry.maxAttempts;
  const retryAt = outcome.endedAt.getTime() + delayMs;
  const tooLate =
    isRetryable && deadline && retryAt >= deadline.at.getTime()
      ? describeRetryTooLate(outcome.error, delayMs, deadline)
      : undefined;
  const timedOut = verdict === 'timedOut' && deadline ? describeTimeout(deadline) : tooLate;
  return {
    attempt: {
      number,
      startedAt: outcome.startedAt.toISOString(),
      endedAt: outcome.endedAt.toISOString(),
      outcome: verdict === 'retryable' || verdict === 'final' ? 'failed' : verdict,
      statusCode: outcome.statusCode,
      error: outcome.error,
      responseExcerpt: outcome.responseExcerpt,
      retryAt: isRetryable && tooLate === undefined ? toInstant(retryAt) : null,
    },
    ...(token === undefined ? {} : { token }),
    retryDelayMs: delayMs,
    ...(timedOut === undefined ? {} : { timedOut }),
  };
}

/**
 * How a run ends with an attempt; undefined if another one follows, or if only Temporal knows how the
 * run ended. Pure.
 */
export function endAfter({ attempt, timedOut, isClosedInTemporal }: AttemptResult): RunEnd | undefined {
  if (isClosedInTemporal) return undefined;
  const { outcome, error, retryAt } = attempt;
  if (timedOut !== undefined) {
    const code = outcome === 'timedOut' ? 'timeoutReached' : 'nextAttemptTooLate';
    return { state: 'timedOut', ...reasonFor(code, timedOut) };
  }
  if (outcome === 'failed' && retryAt !== null) return undefined;
  if (outcome === 'succeeded') return { state: outcome, reason: null, reasonCode: null };
  return { state: outcome, ...reasonFor(CODE_OF_OUTCOME[outcome], error ?? undefined) };
}

const CODE_OF_OUTCOME = {
  failed: 'attemptFailed',
  cancelled: 'cancelled',
  timedOut: 'timeoutReached',
} as const;

/**
 * How an open run ends that makes no other attempt before its deadline; undefined if it may make one.
 * Pure.
 */
export function endByDeadline(
  { deadline, attempts }: Pick<BegunRun, 'deadline' | 'attempts'>,
  now: number,
): RunEnd | undefined {
  if (!deadline) return undefined;
  if (now >= deadline.at.getTime())
    return { state: 'timedOut', ...reasonFor('timeoutReached', describeTimeout(deadline)) };
  // A version without deadlines may have promised the attempt, or the run was started again.
  const last = attempts.at(-1);
  const retryAt = Date.parse(last?.retryAt ?? '');
  if (!last || !(retryAt >= deadline.at.getTime())) return undefined;
  const delayMs = retryAt - Date.parse(last.endedAt);
  const reason = describeRetryTooLate(last.error, delayMs, deadline);
  return { state: 'timedOut', ...reasonFor('nextAttemptTooLate', reason) };
}

const describeRetryTooLate = (error: string | null, delayMs: number, deadline: RunDeadline) =>
  `${error ?? 'it failed'}; ${describeTooLate('the next attempt', delayMs, deadline)}`;

/** The error of an attempt that the deadline of its run ended. Pure. */
export const describeDeadline = ({ timeoutMs }: Pick<RunDeadline, 'timeoutMs'>) =>
  `timed out: it had not ended within the timeout of the run, ${formatDuration(timeoutMs)}`;

/** Milliseconds until the attempt that follows a recorded one, at least 0. Pure. */
export const untilRetryMs = (recorded: RecordedAttempt | undefined): number =>
  // NaN, of an attempt that none follows, becomes 0.
  Math.max(0, Date.parse(recorded?.retryAt ?? '') - Date.now()) || 0;

/**
 * What a record says of the run: how it ended, that it is still open, or nothing, because there is no
 * record yet.
 */
export type Recorded = RunEnd | 'open' | 'unrecorded';

/**
 * Records an attempt, and grants its permit to the next run in the queue. Doing it again changes nothing. If another holder
 * has begun the attempt, the result is only noted, beside the attempts.
 */
export async function recordResult(
  dependencies: ActivityDependencies,
  run: BegunRun,
  result: AttemptResult,
): Promise<RunEnd | 'open'> {
  const { db, logger, metrics } = dependencies;
  const { attempt } = result;
  const end = endAfter(result);
  const { token, goneUrl } = result;
  const isRecorded = await recordAttempt(db, run.id, attempt, end, { token, goneUrl });
  const { number, outcome, statusCode, error } = attempt;
  const fields = { ...tracedRunLogFields(run), attempt: number, outcome, statusCode, error };
  if (isRecorded) {
    metrics.attemptEnded(run, attempt, end);
    logger.info(fields, 'attempt ended');
  } else {
    if (token !== undefined) await noteLateReport(db, run.id, token, attempt);
    logger.warn(fields, 'attempt ended that was recorded before, or that another worker has begun meanwhile');
  }
  const limits = limitsFor(run);
  if (limits) {
    await grantWaiting(dependencies, limits.scope).catch((failure: unknown) => {
      // The reconciler does it.
      logger.warn({ err: failure, ...tracedRunLogFields(run) }, 'could not grant the next permit');
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
