import { durationMs } from '../duration.ts';
import type { Policy } from './policy.ts';

/** What keeps a run waiting for its turn. */
export interface Limits {
  /** Whose limits they are: those of all jobs of a namespace with one key, or of one job. */
  scope: string;
  /** The same in words. */
  shared: string;
  maxConcurrent: number | undefined;
  rateMax: number | undefined;
  ratePerMs: number | undefined;
}

/** Tells whether runs may have to wait for their turn. Pure. */
export const hasLimits = ({ maxConcurrent, rateLimit }: Policy) =>
  maxConcurrent !== undefined || rateLimit !== undefined;

/** The limits that a job's policy sets; undefined if it sets none. Pure. */
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
