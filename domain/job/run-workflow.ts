import type { JobInput } from './job.ts';
import { hasLimits } from './limits.ts';
import { SECOND_MS } from '../milliseconds.ts';
import type { Policy } from './policy.ts';
import { RUN_HTTP_JOB_WORKFLOW, RUN_JOB_WORKFLOW } from '../run/workflow-contract.ts';
import type { StoredTarget } from '../target/target.ts';

const ENDS_OTHERS: readonly Policy['overlap'][] = ['cancelOther', 'terminateOther'];

/**
 * Whether the runs of a job make their first call in a local activity, which costs Temporal much less. Nothing can cancel
 * such a call in its first seconds, so jobs whose runs Temporal may end by itself do not use it. Neither do jobs with
 * limits, because a local activity cannot wait for a permit. Pure.
 */
export function usesLocalActivity(job: {
  target: Pick<StoredTarget, 'type'>;
  policy: Policy;
  timeout?: JobInput['timeout'] | null;
}): boolean {
  return (
    job.target.type === 'http' &&
    (job.timeout ?? null) === null &&
    !ENDS_OTHERS.includes(job.policy.overlap) &&
    !hasLimits(job.policy)
  );
}

/**
 * After this time, Temporal gives a workflow task to another worker. By then, a call that the first worker has begun is
 * over or aborted (activities/attempt/in-flight-calls.ts).
 */
const TASK_TIMEOUT_MS = 15 * SECOND_MS;

/** The workflow type and options for the runs of a job, except for calls of its hooks. Pure. */
export const workflowOf = (job: Parameters<typeof usesLocalActivity>[0]) =>
  usesLocalActivity(job)
    ? { type: RUN_HTTP_JOB_WORKFLOW, options: { workflowTaskTimeout: TASK_TIMEOUT_MS } }
    : { type: RUN_JOB_WORKFLOW, options: {} };
