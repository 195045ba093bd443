import { durationMs } from './duration.ts';
import type { JobInput } from './job.ts';
import { hasLimits } from './limits.ts';
import { SECOND_MS } from './milliseconds.ts';
import type { Policy } from './policy.ts';
import { RUN_JOB_WORKFLOW, RUN_SHORT_JOB_WORKFLOW } from './run-job.ts';
import type { TargetAnswer } from './target.ts';

/** A call that may take so long at most is made within the workflow task of its run, to which Temporal gives ten seconds. */
const SHORT_CALL_MS = 5 * SECOND_MS;

const ENDS_OTHERS: readonly Policy['overlap'][] = ['cancelOther', 'terminateOther'];

/** Tells whether a target is an HTTP call that is short by its `timeout`. Pure. */
export const isShortTarget = (target: Pick<TargetAnswer, 'type'> & { timeout?: string | undefined }) =>
  target.type === 'http' && target.timeout !== undefined && durationMs(target.timeout) <= SHORT_CALL_MS;

/**
 * Tells whether the runs of a job make their first call as a local activity, which costs Temporal much less. Nobody can
 * break off such a call, so that it is none for jobs whose runs may be ended from outside; nor does it wait for a turn. Pure.
 */
export function isShortCall(
  job: { target: Parameters<typeof isShortTarget>[0] } & {
    policy: Policy;
    timeout?: JobInput['timeout'] | null;
  },
): boolean {
  return (
    isShortTarget(job.target) &&
    (job.timeout ?? null) === null &&
    !ENDS_OTHERS.includes(job.policy.overlap) &&
    !hasLimits(job.policy)
  );
}

/** The workflow of the runs of a job, but for calls of its hooks. Pure. */
export const workflowOf = (job: Parameters<typeof isShortCall>[0]) =>
  isShortCall(job) ? RUN_SHORT_JOB_WORKFLOW : RUN_JOB_WORKFLOW;
