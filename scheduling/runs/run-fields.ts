import type { RunRow } from '../../db/schema.ts';

/** What a line about a run carries, where no request's own logger writes it. Pure. */
export const fieldsOfRun = ({ id, job_id: jobId, origin }: Pick<RunRow, 'id' | 'job_id' | 'origin'>) => ({
  jobId,
  runId: id,
  ...(origin ? { requestId: origin.requestId } : {}),
});
