import { setTimeout as sleep } from 'node:timers/promises';
import type { Schedule } from '../../domain/schedule/schedule.ts';
import type { apiClient } from './client.ts';

// Changes of jobs that come when occurrences have been due already.

type ApiClient = ReturnType<typeof apiClient>;

/** A job that is changed, and when that happened, in milliseconds since the epoch. */
export interface ChangedJob {
  id: string;
  definition: { name: string; schedule: Schedule; policy: object; target: object };
  /** When its pause was over, if it had one. */
  overAt: number;
  /** When each change was answered. */
  answeredAt: number[];
  /** When a lock was released for which a change had waited. */
  releasedAt: number;
}

export type Change = (api: ApiClient, job: ChangedJob) => Promise<unknown>;

export const put =
  (schedule: object): Change =>
  (api, { id, definition }) =>
    api.putJob(id, { ...definition, schedule: { ...schedule, timeZone: 'UTC' } });
export const patch =
  (fields: object): Change =>
  (api, { id }) =>
    api.patchJob(id, fields);
export const pause: Change = (api, { id }) => api.pauseJob(id, { reason: 'again' });
export const resume: Change = (api, { id }) => api.resumeJob(id);
export const remove: Change = (api, { id }) => api.deleteJob(id);

/** Waits until half a second past a second, so that no change is asked for at an occurrence. */
const untilHalfSecond = (waitMs: number) =>
  sleep(Math.ceil((Date.now() + waitMs) / 1_000) * 1_000 + 500 - Date.now());

async function inTurn(api: ApiClient, job: ChangedJob, changes: Change[]): Promise<void> {
  for (const [index, change] of changes.entries()) {
    if (index > 0) await untilHalfSecond(3_000);
    await change(api, job);
    job.answeredAt.push(Date.now());
  }
}

/** The changes come when some occurrences have been due. */
export const onceDue =
  (...changes: Change[]): Change =>
  async (api, job) => {
    await untilHalfSecond(5_000);
    await inTurn(api, job, changes);
  };

/** The changes come when some occurrences have been due since the end of a pause. */
export const afterPause =
  (...changes: Change[]): Change =>
  async (api, job) => {
    job.overAt = Math.ceil(Date.now() / 2_000) * 2_000 + 4_000;
    await api.pauseJob(job.id, { until: new Date(job.overAt).toISOString() });
    job.answeredAt.push(Date.now());
    await untilHalfSecond(job.overAt + 4_000 - Date.now());
    await inTurn(api, job, changes);
  };

/** The change waits for the lock of its job while an occurrence falls due. `lock` resolves to what releases it. */
export const whileLocked =
  (lock: (job: ChangedJob) => Promise<() => Promise<void>>, change: Change): Change =>
  async (api, job) => {
    const release = await lock(job);
    const changed = change(api, job);
    await sleep(3_000);
    job.releasedAt = Date.now();
    await release();
    await changed;
  };
