import { z } from 'zod';

const FIRST = 200;
const LAST = 599;

const StatusRange = z
  .string()
  .regex(/^[2-5]\d\d-[2-5]\d\d$/, { error: 'a range of statuses is such as "200-299"' })
  .refine((text) => text.slice(0, 3) <= text.slice(4), {
    error: 'a range of statuses goes from the lower to the higher one, such as "200-299"',
  });

/** Statuses of HTTP answers: single ones and ranges, `[204, "400-499"]`. */
export const StatusList = z.array(z.union([z.int().min(FIRST).max(LAST), StatusRange])).max(50);
export type StatusList = z.infer<typeof StatusList>;

/** What counts where the author of a job says nothing, and for jobs that were stored before one could. */
export const STATUS_DEFAULTS: { successStatus: StatusList; retryStatus: StatusList } = {
  successStatus: ['200-299'],
  retryStatus: [408, 425, 429, '500-599'],
};

/** Tells whether a list names a status. Pure. */
function includesStatus(list: StatusList, status: number): boolean {
  return list.some((entry) => {
    if (typeof entry === 'number') return entry === status;
    const [from, to] = entry.split('-').map(Number) as [number, number];
    return from <= status && status <= to;
  });
}

/**
 * What an answer means for a run: it succeeded; another call may end better; the target says that it is gone for good
 * (410), so that no run of the job needs to call it again; or the run failed.
 */
export type Verdict = 'succeeded' | 'retryable' | 'gone' | 'final';

const GONE = 410;

/** Judges the status of an answer. What the author of the job says about a status comes before what it usually means. Pure. */
export function classifyStatus(
  status: number,
  { successStatus, retryStatus }: { successStatus: StatusList; retryStatus: StatusList },
): Verdict {
  if (includesStatus(successStatus, status)) return 'succeeded';
  if (includesStatus(retryStatus, status)) return 'retryable';
  return status === GONE ? 'gone' : 'final';
}
