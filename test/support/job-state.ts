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

/**
 * Waits until Temporal holds what a job says, and answers the job as it is then. A change is mostly synced when it is
 * answered; on a busy machine a call to Temporal can time out, and then the reconciler of a worker syncs it.
 */
export const untilSynced = (api: Pick<ReturnType<typeof apiClient>, 'getJob'>, id: string) =>
  waitFor('the job to be synced', async () => {
    const job = await api.getJob(id);
    return job.sync.state === 'synced' ? job : undefined;
  });
