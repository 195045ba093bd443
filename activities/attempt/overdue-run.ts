import type { BegunRun } from '../../db/runs/begin-run.ts';
import type { RunEnd } from '../../db/runs/run-progress.ts';
import { reasonFor } from '../../domain/run/reasons.ts';
import { describeTimeout, describeTooLate } from '../../domain/run/run-deadline.ts';

/** How an open run ends that makes no attempt any more before its deadline; undefined if it may make one. Pure. */
export function findOverdue(
  { deadline, attempts }: Pick<BegunRun, 'deadline' | 'attempts'>,
  now: number,
): RunEnd | undefined {
  if (!deadline) return undefined;
  if (now >= deadline.at.getTime())
    return { state: 'timedOut', ...reasonFor('timeoutReached', describeTimeout(deadline)) };
  // A version that knew nothing of deadlines may have promised it, or the run was started again.
  const last = attempts.at(-1);
  const retryAt = Date.parse(last?.retryAt ?? '');
  if (!last || !(retryAt >= deadline.at.getTime())) return undefined;
  const tooLate = describeTooLate('the next attempt', retryAt - Date.parse(last.endedAt), deadline);
  return {
    state: 'timedOut',
    ...reasonFor('nextAttemptTooLate', `${last.error ?? 'it failed'}; ${tooLate}`),
  };
}
