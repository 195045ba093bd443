import type { Job } from '../../domain/job/job.ts';
import type { apiClient } from './client.ts';
import { waitFor } from './wait-for.ts';

/** Waits until a job is in a state, and returns the job. */
export const untilState = (
  api: Pick<ReturnType<typeof apiClient>, 'getJob'>,
  id: string,
  state: Job['state'],
) =>
  waitFor(`the job to be ${state}`, async () => {
    const job = await api.getJob(id);
    return job.state === state ? job : undefined;
  });
