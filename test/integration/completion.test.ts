import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Job } from '../../domain/job/job.ts';
import { apiClient, request } from '../support/client.ts';
import { untilState } from '../support/job-state.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let url: string;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('completion');
  const [service] = await Promise.all([stack.startApi(), stack.startWorker()]);
  ({ url } = service);
  api = apiClient(url);
});
afterAll(() => stack.stop());

const target = (path: string) => ({ type: 'http', url: stack.receiver.url + path });
/** The start of a second in `seconds`. In 6 s, Temporal has the schedule before its first occurrence. */
const soon = (seconds: number) =>
  new Date(Math.ceil(Date.now() / 1_000) * 1_000 + seconds * 1_000).toISOString();
const pause = (id: string, body?: object) => request<Job>(`${url}/jobs/${id}/pause`, 'POST', body);
const resume = (id: string) => request<Job>(`${url}/jobs/${id}/resume`, 'POST');
const describeSchedule = (id: string) => stack.temporal.schedule.getHandle(`scheduler-job-${id}`).describe();

describe('the end of a job', () => {
  test.concurrent('a one-off job is completed after its run; both stay readable', async () => {
    const job = await api.createJob({
      name: 'one-off',
      schedule: { at: soon(2) },
      target: target('/one-off'),
    });
    await untilState(api, job.id, 'completed');
    const { items } = await api.listRuns(job.id);
    expect(items.map((run) => run.state)).toEqual(['succeeded']);
    expect((await api.getJob(job.id)).status).toMatchObject({
      nextRunAt: null,
      lastRun: { id: items[0]?.id },
    });
    await waitFor('the schedule to be gone', () =>
      describeSchedule(job.id).then(
        () => false,
        () => true,
      ),
    );
    expect((await api.listJobs('?state=completed')).items.map(({ id }) => id)).toContain(job.id);
    expect((await pause(job.id)).status).toBe(409);
    expect((await resume(job.id)).status).toBe(409);
  });

  test.concurrent('maxRuns counts scheduled runs, and not manual ones', async () => {
    const job = await api.createJob({
      name: 'three times',
      schedule: { every: '1s', startAt: soon(6), maxRuns: 3 },
      target: target('/three'),
    });
    expect(job.status.upcoming).toHaveLength(3);
    await api.runJob(job.id);
    await untilState(api, job.id, 'completed');
    // Skipped occurrences do not count. On a busy machine there are some.
    const runs = (await api.allRuns(job.id)).filter((run) => run.state !== 'skipped');
    expect(runs.filter((run) => run.trigger === 'schedule')).toHaveLength(3);
    expect(runs).toHaveLength(4);
  });

  test.concurrent('maxRuns still holds after a pause', async () => {
    const job = await api.createJob({
      name: 'four times',
      schedule: { every: '1s', startAt: soon(6), maxRuns: 4 },
      target: target('/four'),
    });
    await waitFor('two runs', async () => (await api.allRuns(job.id)).length >= 2);
    await pause(job.id);
    await resume(job.id);
    await untilState(api, job.id, 'completed');
    // An occurrence that is due at the moment of the pause is skipped, and does not count.
    const runs = await api.allRuns(job.id);
    expect(runs.filter((run) => run.state === 'succeeded')).toHaveLength(4);
    expect(runs.filter((run) => run.state !== 'succeeded' && run.state !== 'skipped')).toEqual([]);
  });

  test.concurrent(
    'maxRuns: an occurrence that was queued at a pause and skipped later is replaced by another one',
    async () => {
      const path = '/held';
      let release!: () => void;
      const released = new Promise<void>((resolve) => (release = resolve));
      stack.receiver.respond(path, (_, response) => void released.then(() => response.end()));
      const job = await api.createJob({
        name: 'held up',
        schedule: { every: '1s', startAt: soon(6), maxRuns: 3 },
        target: target(path),
      });
      await waitFor('the first call', () => stack.receiver.callsTo(path).length > 0);
      // The next occurrence is due while the first run goes on. The pause records it as queued and lowers the remaining
      // actions of the schedule by one. Later it is found to have been skipped because of the overlap policy.
      await sleep(1_100);
      await pause(job.id);
      await resume(job.id);
      release();
      await untilState(api, job.id, 'completed');
      const runs = await api.allRuns(job.id);
      expect(runs.filter((run) => run.state === 'succeeded')).toHaveLength(3);
      expect(runs.some((run) => run.state === 'skipped')).toBe(true);
    },
  );

  test.concurrent('endAt with onCompletion: delete deletes the job', async () => {
    const job = await api.createJob({
      name: 'vanishing',
      schedule: { every: '1s', endAt: soon(3) },
      target: target('/vanishing'),
      policy: { onCompletion: 'delete' },
    });
    await waitFor('the job to be gone', async () => (await request(`${url}/jobs/${job.id}`)).status === 404);
    const { rows } = await stack.db.query<{ state: string }>('SELECT state FROM runs WHERE job_id = $1', [
      job.id,
    ]);
    expect(rows.length).toBeGreaterThanOrEqual(2);
    // On a slow machine, one may have been due while its predecessor was running.
    expect(rows.filter((row) => row.state !== 'skipped').every((row) => row.state === 'succeeded')).toBe(
      true,
    );
  });

  test.concurrent(
    'pauseAfterFailures counts failures in a row, and starts again after a success',
    async () => {
      let calls = 0;
      stack.receiver.respond('/failing', (_, response) => {
        // Two failures, one success, then only failures.
        response.statusCode = ++calls === 3 ? 200 : 400;
        response.end();
      });
      const job = await api.createJob({
        name: 'failing',
        schedule: { every: '1s', startAt: soon(6) },
        target: target('/failing'),
        policy: { pauseAfterFailures: 3 },
      });
      const paused = await untilState(api, job.id, 'paused');
      expect(paused).toMatchObject({
        pause: { reason: '3 scheduled runs failed in a row', by: 'policy.pauseAfterFailures' },
        status: { consecutiveFailures: 3 },
      });
      // What was queued at the pause ends as skipped.
      const ended = await waitFor('all runs to end', async () => {
        const all = await api.allRuns(job.id);
        return all.every(({ endedAt }) => endedAt !== null) ? all : undefined;
      });
      // In the order of their ends: the reconciler may start an occurrence later than Temporal starts the next ones.
      const runs = ended
        .filter((run) => run.state !== 'skipped')
        .sort((a, b) => Date.parse(a.endedAt ?? '') - Date.parse(b.endedAt ?? ''));
      expect(runs.map((run) => run.state)).toEqual([
        'failed',
        'failed',
        'succeeded',
        'failed',
        'failed',
        'failed',
      ]);
      await waitFor('the schedule to be paused', async () => (await describeSchedule(job.id)).state.paused);
      expect((await resume(job.id)).body.status.consecutiveFailures).toBe(0);
      await api.deleteJob(job.id);
    },
  );
});
