import type { RunRow } from '../../db/schema.ts';

/** The fields of a log entry about a run, for code without a request context. Pure. */
export const runLogFields = ({ id, job_id: jobId, origin }: Pick<RunRow, 'id' | 'job_id' | 'origin'>) => ({
  jobId,
  runId: id,
  ...(origin ? { requestId: origin.requestId } : {}),
});
