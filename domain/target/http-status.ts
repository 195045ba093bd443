import { z } from 'zod';

const FIRST = 200;
const LAST = 599;

const StatusRange = z
  .string()
  .regex(/^[2-5]\d\d-[2-5]\d\d$/, { error: 'must be a range of statuses such as "200-299"' })
  .refine((text) => text.slice(0, 3) <= text.slice(4), {
    error: 'a range of statuses goes from the lower to the higher one, such as "200-299"',
  });

/** HTTP response statuses: single ones and ranges, `[204, "400-499"]`. */
export const StatusList = z.array(z.union([z.int().min(FIRST).max(LAST), StatusRange])).max(50);
export type StatusList = z.infer<typeof StatusList>;

/** The defaults, also for stored jobs without these fields. */
export const STATUS_DEFAULTS: { successStatus: StatusList; retryStatus: StatusList } = {
  successStatus: ['200-299'],
  retryStatus: [408, 425, 429, '500-599'],
};

/** Whether a list includes a status. Pure. */
function includesStatus(list: StatusList, status: number): boolean {
  return list.some((entry) => {
    if (typeof entry === 'number') return entry === status;
    const [from, to] = entry.split('-').map(Number) as [number, number];
    return from <= status && status <= to;
  });
}

/**
 * What a response means for a run. `succeeded`: the run is done. `retryable`: another attempt may succeed. `gone`: the
 * target no longer exists (410), so the job is paused. `final`: the run has failed.
 */
export type Verdict = 'succeeded' | 'retryable' | 'gone' | 'final';

const GONE = 410;

/** Classifies the status of a response. The job's own lists take precedence over the usual meaning of a status. Pure. */
export function classifyStatus(
  status: number,
  { successStatus, retryStatus }: { successStatus: StatusList; retryStatus: StatusList },
): Verdict {
  if (includesStatus(successStatus, status)) return 'succeeded';
  if (includesStatus(retryStatus, status)) return 'retryable';
  return status === GONE ? 'gone' : 'final';
}
