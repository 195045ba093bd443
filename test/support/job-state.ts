import type { Job } from '../../domain/job/job.ts';
import type { apiClient } from './client.ts';
import { waitFor } from './wait-for.ts';

type Reader = Pick<ReturnType<typeof apiClient>, 'getJob'>;

/** Waits until a job is as `isSo` says, and returns the job. */
const untilJob = (api: Reader, id: string, what: string, isSo: (job: Job) => boolean) =>
  waitFor(`the job to be ${what}`, async () => {
    const job = await api.getJob(id);
    return isSo(job) ? job : undefined;
  });

/** Waits until a job is in a state, and returns the job. */
export const untilState = (api: Reader, id: string, state: Job['state']) =>
  untilJob(api, id, state, (job) => job.state === state);

/**
 * Waits until Temporal holds what a job says, and answers the job as it is then. A change is mostly synced when it is
 * answered; on a busy machine a call to Temporal can time out, and then the reconciler of a worker syncs it.
 */
export const untilSynced = (api: Reader, id: string) =>
  untilJob(api, id, 'synced', ({ sync }) => sync.state === 'synced');
