import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Problem } from '../../api/rest/problem.ts';
import { toInstant } from '../../domain/instant.ts';
import type { Run } from '../../domain/run/run.ts';
import { apiClient, request, type Page } from '../support/client.ts';
import { untilState } from '../support/job-state.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let url: string;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('every-occurrence');
  const [service] = await Promise.all([stack.startApi(), stack.startWorker()]);
  ({ url } = service);
  api = apiClient(url);
});
afterAll(() => stack.stop());

const target = (path: string) => ({ type: 'http', url: stack.receiver.url + path });

describe('maxRuns', () => {
  test.concurrent.each([
    // Each run takes at least two periods, so that several occurrences in a row are skipped.
    { every: 3, maxRuns: 2, takesMs: 7_000 },
    { every: 1, maxRuns: 3, takesMs: 4_500 },
  ])('counts runs, and records each occurrence that was skipped between them: %j', async (given) => {
    const { every, maxRuns, takesMs } = given;
    const path = `/max-runs-${every}`;
    stack.receiver.respond(path, (_, response) => void setTimeout(() => response.end(), takesMs));
    const job = await api.createJob({
      name: path,
      // Late enough for Temporal to have the schedule: the reconciler would start an earlier occurrence after later ones.
      schedule: { every: `${every}s`, maxRuns, startAt: startOf(6).toISOString() },
      target: target(path),
    });
    await untilState(api, job.id, 'completed');
    const runs = (await api.allRuns(job.id)).reverse();
    const times = runs.map(({ scheduledAt }) => Date.parse(scheduledAt));
    expect(times).toEqual(times.map((_, index) => (times[0] as number) + index * every * 1_000));
    expect(runs.filter(({ state }) => state === 'succeeded')).toHaveLength(maxRuns);
    expect(stack.receiver.callsTo(path)).toHaveLength(maxRuns);
    expect([runs[0]?.state, runs.at(-1)?.state]).toEqual(['succeeded', 'succeeded']);
    const others = runs.filter(({ state }) => state !== 'succeeded');
    expect(others.length).toBeGreaterThanOrEqual(maxRuns - 1);
    for (const { state, reason, reasonCode } of others)
      expect([state, reason, reasonCode]).toEqual([
        'skipped',
        'overlap: another run was under way',
        'overlap',
      ]);
  });
});

/** The runs that stand for the pauses of a job, the earliest first. */
const pausesOf = async (jobId: string) =>
  (await api.allRuns(jobId)).filter(({ occurrences }) => occurrences).reverse();
const startOf = (seconds: number) => new Date(Math.ceil(Date.now() / 1_000) * 1_000 + seconds * 1_000);
/** Moves the beginning of a pause into the past, in Postgres only. */
const pausedSince = (jobId: string, since: Date) =>
  stack.db.query(`UPDATE jobs SET paused_at = $2, accounted_to = $2, account_at = now() WHERE id = $1`, [
    jobId,
    since,
  ]);
const secondsBetween = (from: string, to: string) => (Date.parse(to) - Date.parse(from)) / 1_000;

describe('a pause', () => {
  test.concurrent('has one run that stands for all its occurrences, from the first to the last', async () => {
    const job = await api.createJob({
      name: 'paused',
      schedule: { every: '1s' },
      target: target('/paused'),
    });
    await waitFor('a first call', () => stack.receiver.callsTo('/paused').length > 0);
    const { pause } = await api.pauseJob(job.id);
    // The run exists while the pause lasts, and tells why nothing runs.
    const before = await waitFor('the run of the pause', async () => (await pausesOf(job.id))[0]);
    await waitFor('the count of its occurrences to grow', async () => {
      const [run] = await pausesOf(job.id);
      return (run?.occurrences?.count ?? 0) > (before.occurrences?.count ?? 0);
    });
    await api.resumeJob(job.id);
    const resumedAt = Date.now();
    await waitFor('a run after it', async () => {
      const [latest] = await api.allRuns(job.id);
      return latest?.state === 'succeeded' && Date.parse(latest.scheduledAt) > resumedAt;
    });
    await api.deleteJob(job.id);
    const { body } = await request<Page<Run>>(`${url}/runs?limit=200`);
    const runs = body.items.filter(({ jobId }) => jobId === job.id).reverse();
    const paused = runs.filter(({ occurrences }) => occurrences);
    expect(paused).toMatchObject([{ id: before.id, state: 'skipped', reason: 'paused', startedAt: null }]);
    const { from, to, count } = paused[0]?.occurrences ?? { from: '', to: '', count: 0 };
    expect(from).toBe(paused[0]?.scheduledAt);
    expect(paused[0]?.endedAt).toBe(to);
    expect(count).toBe(secondsBetween(from, to) + 1);
    expect(secondsBetween(pause?.at ?? '', from)).toBeLessThanOrEqual(2);
    // Each second has one record: its own run, or the run of the pause.
    const times = runs.map(({ scheduledAt }) => Date.parse(scheduledAt));
    const ends = runs.map(({ occurrences, scheduledAt }) => Date.parse(occurrences?.to ?? scheduledAt));
    for (let index = 1; index < runs.length; index++)
      expect((times[index] as number) - (ends[index - 1] as number)).toBe(1_000);
  });

  test.concurrent('of a one-off job is its last run when the job is completed', async () => {
    const at = startOf(5);
    const job = await api.createJob({
      name: 'one-off',
      schedule: { at: at.toISOString() },
      target: target('/one-off'),
    });
    await api.pauseJob(job.id);
    await waitFor('the occurrence to be due', () => Date.now() > at.getTime());
    await api.resumeJob(job.id);
    const { status } = await untilState(api, job.id, 'completed');
    const [run, ...others] = await api.allRuns(job.id);
    const instant = toInstant(at.getTime());
    expect(others).toEqual([]);
    expect(run).toMatchObject({
      ...{
        state: 'skipped',
        reason: 'paused',
        reasonCode: 'paused',
        scheduledAt: instant,
        trigger: 'schedule',
      },
      occurrences: { from: instant, to: instant, count: 1 },
    });
    expect(status.lastRun).toEqual({ id: run?.id, scheduledAt: instant, state: 'skipped' });
    expect(stack.receiver.callsTo('/one-off')).toEqual([]);
    // It stands for a single occurrence, so it can be retried.
    const retried = await request<Run>(`${url}/runs/${run?.id}/retry`, 'POST');
    await waitFor(
      'the retry to succeed',
      async () => (await api.getRun(retried.body.id)).state === 'succeeded',
    );
  });

  test.concurrent(
    'of a year with an occurrence every second is one run, which lists find by any time in it and which cannot be retried',
    async () => {
      const job = await api.createJob({ name: 'a year', schedule: { every: '1s' }, target: target('/year') });
      await api.pauseJob(job.id);
      // A pass of the reconciler that is recording the pause would undo what is written below.
      await waitFor('the reconciler to have recorded the pause', async () => {
        const recorded = 'SELECT FROM jobs WHERE id = $1 AND accounted_to > paused_at';
        return (await stack.db.query(recorded, [job.id])).rowCount === 1;
      });
      const since = new Date(Math.floor(Date.now() / 1_000) * 1_000 - 365 * 86_400_000);
      await stack.db.query('DELETE FROM runs WHERE job_id = $1', [job.id]);
      await pausedSince(job.id, since);
      await api.resumeJob(job.id);
      await api.pauseJob(job.id);
      const [run, ...others] = await pausesOf(job.id);
      expect(others).toEqual([]);
      const { from, to, count } = run?.occurrences ?? { from: '', to: '', count: 0 };
      expect(Date.parse(from)).toBe(since.getTime() + 1_000);
      expect(count).toBe(secondsBetween(from, to) + 1);
      expect(count).toBeGreaterThanOrEqual(365 * 86_400);

      const list = (query: string) =>
        api.listRuns(job.id, query).then(({ items }) => items.map(({ id }) => id));
      const middle = `${new Date(since.getTime() + 180 * 86_400_000).toISOString()}`;
      const beforeIt = new Date(since.getTime() - 1_000).toISOString();
      expect(await list(`?from=${middle}&state=skipped`)).toContain(run?.id);
      expect(await list(`?from=${middle}&to=${to}&trigger=schedule`)).toEqual([run?.id]);
      expect(await list(`?from=${middle}&state=succeeded`)).not.toContain(run?.id);
      expect(await list(`?from=${beforeIt}&to=${middle}`)).toEqual([run?.id]);
      expect(await list(`?from=${beforeIt}&to=${from}`)).toEqual([]);
      const inAll = await request<Page<Run>>(
        `${url}/runs?from=${middle}&to=${to}&state=skipped,missed&limit=200`,
      );
      expect(inAll.body.items.map(({ id }) => id)).toContain(run?.id);

      const retried = await request<Problem>(`${url}/runs/${run?.id}/retry`, 'POST');
      expect([retried.status, retried.body.code]).toEqual([409, 'several_occurrences']);
      await api.deleteJob(job.id);
    },
  );

  test.concurrent(
    'that goes on through a change of the schedule counts each occurrence once, and so does the next pause',
    async () => {
      const hour = 3_600_000;
      const job = await api.createJob({
        name: 'changed',
        schedule: { every: '1h' },
        target: target('/changed'),
      });
      await api.pauseJob(job.id);
      const since = new Date(Math.floor(Date.now() / hour) * hour - 10 * hour);
      await pausedSince(job.id, since);
      await waitFor('the run of the pause', async () => (await pausesOf(job.id))[0]);
      // Ten whole hours, without the one at the beginning itself.
      const hours = 10;
      await api.patchJob(job.id, { schedule: { every: '30m' } });
      await stack.db.query(`UPDATE jobs SET accounted_to = $2 WHERE id = $1`, [
        job.id,
        new Date(since.getTime() + hours * hour),
      ]);
      await api.resumeJob(job.id);
      const [run] = await pausesOf(job.id);
      const halves = Math.floor((Date.now() - since.getTime() - hours * hour) / (hour / 2));
      expect(run?.occurrences?.count).toBeGreaterThanOrEqual(hours + halves);
      expect(run?.occurrences?.count).toBeLessThanOrEqual(hours + 2);
      await api.pauseJob(job.id);
      await api.resumeJob(job.id);
      expect(await pausesOf(job.id)).toHaveLength(1);
      await api.deleteJob(job.id);
    },
  );

  test.concurrent('can be backfilled with onlyMissing, also while it lasts, and only once', async () => {
    const hour = 3_600_000;
    const job = await api.createJob({
      name: 'backfilled',
      schedule: { every: '1h' },
      target: target('/backfilled'),
    });
    await api.pauseJob(job.id);
    const since = new Date(Math.floor(Date.now() / hour) * hour - 3 * hour);
    await pausedSince(job.id, since);
    const body = { from: since.toISOString(), to: new Date(since.getTime() + 2 * hour).toISOString() };
    const backfill = () => api.backfill(job.id, { ...body, onlyMissing: true });
    expect((await backfill()).count).toBe(3);
    await waitFor('three calls', () => stack.receiver.callsTo('/backfilled').length === 3);
    expect((await backfill()).count).toBe(0);
    await api.resumeJob(job.id);
    expect((await backfill()).count).toBe(0);
    expect((await pausesOf(job.id))[0]?.occurrences?.count).toBeGreaterThanOrEqual(3);
    await api.deleteJob(job.id);
  });

  test.concurrent('does not count for maxRuns, and nothing is recorded after the last run', async () => {
    const job = await api.createJob({
      name: 'counted',
      schedule: { every: '1s', maxRuns: 2, startAt: startOf(6).toISOString() },
      target: target('/counted'),
    });
    await waitFor('a first call', () => stack.receiver.callsTo('/counted').length > 0);
    await api.pauseJob(job.id);
    await sleep(3_000);
    await api.resumeJob(job.id);
    await untilState(api, job.id, 'completed');
    expect(stack.receiver.callsTo('/counted')).toHaveLength(2);
    const runs = (await api.allRuns(job.id)).reverse();
    expect(runs.at(-1)?.state).toBe('succeeded');
  });

  test.concurrent('that the service begins because the target is gone is recorded as well', async () => {
    stack.receiver.respond('/gone', (_, response) => {
      response.statusCode = 410;
      response.end();
    });
    const job = await api.createJob({ name: 'gone', schedule: { every: '1s' }, target: target('/gone') });
    await untilState(api, job.id, 'paused');
    const run = await waitFor('the run of the pause', async () => (await pausesOf(job.id))[0]);
    expect(run).toMatchObject({ state: 'skipped', reason: 'paused' });
    await api.deleteJob(job.id);
  });
});
