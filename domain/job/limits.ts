import { durationMs } from '../duration.ts';
import type { Policy } from './policy.ts';

/** The limits on a job's attempts: a semaphore (`maxConcurrent`) and a rate limit. Runs that wait for a permit are its backpressure. */
export interface Limits {
  /** Identifies the jobs that share the limits: those of a namespace with one concurrency key, or a single job. */
  scope: string;
  /** The same as text, for reasons. */
  shared: string;
  maxConcurrent: number | undefined;
  rateMax: number | undefined;
  ratePerMs: number | undefined;
}

/** Whether attempts under a policy need a permit. Pure. */
export const hasLimits = ({ maxConcurrent, rateLimit }: Policy) =>
  maxConcurrent !== undefined || rateLimit !== undefined;

/** The limits of a job's policy; undefined if it has none. Pure. */
export function limitsOf(job: { id: string; namespace: string; policy: Policy }): Limits | undefined {
  const { concurrencyKey, maxConcurrent, rateLimit } = job.policy;
  if (!hasLimits(job.policy)) return undefined;
  const isShared = concurrencyKey !== undefined;
  return {
    scope: isShared ? `${job.namespace} key ${concurrencyKey}` : `${job.namespace} job ${job.id}`,
    shared: isShared ? `with the concurrency key ${JSON.stringify(concurrencyKey)}` : 'of this job',
    maxConcurrent,
    rateMax: rateLimit?.max,
    ratePerMs: rateLimit && durationMs(rateLimit.per),
  };
}
