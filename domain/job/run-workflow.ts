import type { JobInput } from './job.ts';
import { hasLimits } from './limits.ts';
import { SECOND_MS } from '../milliseconds.ts';
import type { Policy } from './policy.ts';
import { RUN_HTTP_JOB_WORKFLOW, RUN_JOB_WORKFLOW } from '../run/workflow-contract.ts';
import type { StoredTarget } from '../target/target.ts';

const ENDS_OTHERS: readonly Policy['overlap'][] = ['cancelOther', 'terminateOther'];

/**
 * Tells whether the runs of a job begin their first call in a local activity, which costs Temporal much less. For its first
 * seconds nobody can break off such a call, so that it is none for jobs whose runs Temporal may end by itself; nor does it
 * wait for a turn. Pure.
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
 * So long Temporal waits for a workflow task before it gives it to another worker: by then a call that its worker has begun
 * is over, or broken off (activities/attempt/in-flight-calls.ts).
 */
const TASK_TIMEOUT_MS = 15 * SECOND_MS;

/** The workflow of the runs of a job, but for calls of its hooks, and how long one of its tasks may take. Pure. */
export const workflowOf = (job: Parameters<typeof usesLocalActivity>[0]) =>
  usesLocalActivity(job)
    ? { type: RUN_HTTP_JOB_WORKFLOW, options: { workflowTaskTimeout: TASK_TIMEOUT_MS } }
    : { type: RUN_JOB_WORKFLOW, options: {} };
