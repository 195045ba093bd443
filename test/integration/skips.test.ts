import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Problem } from '../../api/rest/problem.ts';
import { toInstant } from '../../domain/instant.ts';
import type { Job } from '../../domain/job/job.ts';
import { apiClient, request } from '../support/client.ts';
import { fromRunner } from '../support/environment.ts';
import { untilState, untilSynced } from '../support/job-state.ts';
import { startProxy } from '../support/proxy.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let urls: string[];
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('skips');
  const [one, other] = await Promise.all([stack.startApi(), stack.startApi(), stack.startWorker()]);
  urls = [one.url, other.url];
  api = apiClient(one.url);
});
afterAll(() => stack.stop());

type Answer = Job & Problem;
const post = (id: string, operation: string, body: object, headers: Record<string, string> = {}) =>
  request<Answer>(`${String(urls[0])}/jobs/${id}/${operation}`, 'POST', body, headers);
const skip = (id: string, body: object, headers = {}) => post(id, 'skip', body, headers);
const target = (path: string) => ({ type: 'http', url: stack.receiver.url + path });
/** An instant some seconds from now, at which every `every` seconds has an occurrence. */
const inSeconds = (seconds: number, every = 1) =>
  Math.ceil((Date.now() + seconds * 1_000) / (every * 1_000)) * every * 1_000;

/** A job that fires every few seconds from a start in the near future, `count` times. */
async function createJob(name: string, every: number, count: number, more: object = {}, startsIn = 12) {
  const start = inSeconds(startsIn, every);
  const times = Array.from({ length: count }, (_, index) => toInstant(start + index * every * 1_000));
  const { schedule = {}, ...rest } = more as { schedule?: object };
  const job = await api.createJob({
    name,
    schedule: { every: `${every}s`, startAt: times[0], endAt: times.at(-1), ...schedule },
    target: target(`/${name}`),
    ...rest,
  });
  return { id: job.id, times };
}

/** What is recorded of each occurrence of a job: its time, its state and the reason. */
const recordedOf = async (id: string) =>
  (await api.allRuns(id))
    .reverse()
    .map(({ scheduledAt, state, reasonCode }) => [scheduledAt, state, reasonCode] as const);
const ran = (at: string | undefined) => [at, 'succeeded', null];
const skipped = (at: string | undefined) => [at, 'skipped', 'skippedByRequest'];
const calledFor = (name: string) =>
  stack.receiver.callsTo(`/${name}`).map(({ headers }) => headers['x-scheduler-scheduled-at']);
const untilCompleted = (id: string) => untilState(api, id, 'completed');

describe('a skipped occurrence', () => {
  test.concurrent('has no run, and is recorded once it is due, with who and why', async () => {
    const { id, times } = await createJob('plain', 3, 4);
    const { status, body: job, headers } = await skip(id, { next: 2, reason: 'deployment' });
    expect([status, headers.get('etag'), job.sync.generation]).toEqual([200, '"2"', 2]);
    const requestedAt = expect.any(String);
    expect(job.skips).toEqual(
      times.slice(0, 2).map((at) => ({ at, reason: 'deployment', by: 'api', requestedAt })),
    );
    expect(job.status.upcoming).toEqual(times.slice(2));
    expect(job.status.nextRunAt).toBe(times[2]);
    // Not before it is due.
    expect([await recordedOf(id), job.status.lastRun]).toEqual([[], null]);
    const { body: upcoming } = await request<{ times: string[] }>(`${String(urls[0])}/jobs/${id}/upcoming`);
    expect(upcoming.times).toEqual(times.slice(2));
    // The same again changes nothing.
    expect((await skip(id, { at: times[0], reason: 'deployment' })).body.sync.generation).toBe(2);

    await untilCompleted(id);
    expect(await recordedOf(id)).toEqual([
      ...times.slice(0, 2).map(skipped),
      ...times.slice(2).map((at) => ran(at)),
    ]);
    expect(calledFor('plain')).toEqual(times.slice(2));
    const [run] = (await api.listRuns(id, '?state=skipped')).items;
    expect(run?.reason).toBe('skipped at the request of api: deployment');
    expect((await api.getJob(id)).skips).toEqual([]);
    const { items } = await api.listRevisions(id);
    expect(items.map(({ action }) => action)).toEqual(['completed', 'skipped', 'created']);
    expect(items[1]?.changes).toEqual({ skips: { before: [], after: job.skips } });
    const { body: audit } = await request<{ items: { action: string; fields: string[] }[] }>(
      `${String(urls[0])}/audit?jobId=${id}`,
    );
    expect(audit.items.map(({ action, fields }) => [action, fields])).toContainEqual(['skipped', ['skips']]);
  });

  test.concurrent('leaves the run that is in progress alone, whatever the overlap policy', async () => {
    stack.receiver.respond('/long', (_, response) => void setTimeout(() => response.end(), 4_500));
    const { id, times } = await createJob('long', 3, 3, { policy: { overlap: 'cancelOther' } });
    expect((await skip(id, { at: times[1] })).status).toBe(200);
    await untilSynced(api, id);
    await untilCompleted(id);
    expect(await recordedOf(id)).toEqual([ran(times[0]), skipped(times[1]), ran(times[2])]);
  });

  test.concurrent('does not count for maxRuns', async () => {
    const { id, times } = await createJob('counted', 2, 20, { schedule: { maxRuns: 2 } });
    await skip(id, { at: times[1] });
    await untilCompleted(id);
    expect(await recordedOf(id)).toEqual([ran(times[0]), skipped(times[1]), ran(times[2])]);
  });

  test.concurrent('can be the only one that is left: the job is completed after it', async () => {
    const at = toInstant(inSeconds(6));
    const { id } = await api.createJob({ name: 'once', schedule: { at }, target: target('/once') });
    const { body } = await skip(id, { next: 1 });
    expect([body.state, body.status.nextRunAt]).toEqual(['active', null]);
    await untilCompleted(id);
    expect(Date.now()).toBeGreaterThan(Date.parse(at));
    expect(await recordedOf(id)).toEqual([skipped(at)]);
    expect(calledFor('once')).toEqual([]);
    const late = await skip(id, { at });
    expect([late.status, late.body.code]).toEqual([409, 'completed']);
  });

  test.concurrent('is not among those that a pause covers', async () => {
    const { id, times } = await createJob('paused', 2, 6);
    await api.pauseJob(id);
    expect((await skip(id, { next: 1 })).body.errors?.[0]).toMatchObject({ path: 'next', code: 'paused' });
    expect((await skip(id, { at: [times[1], times[4]] })).status).toBe(200);
    await waitFor('the occurrences to pass', () => Date.now() > Date.parse(times[3] as string) + 500);
    await api.resumeJob(id);
    await untilCompleted(id);
    const runs = (await api.allRuns(id)).reverse();
    const pause = runs.find(({ occurrences }) => occurrences);
    expect(pause?.occurrences).toEqual({ from: times[0], to: times[3], count: 3 });
    const others = (await recordedOf(id)).filter(([at]) => at !== times[0]);
    expect(others).toEqual([skipped(times[1]), skipped(times[4]), ran(times[5])]);
  });

  test.concurrent('runs after all if it is taken back in time', async () => {
    const { id, times } = await createJob('back', 2, 3, {}, 20);
    await skip(id, { at: [times[0], times[1]], reason: 'by mistake' });
    const wrong = await post(id, 'unskip', { at: times[2] });
    expect([wrong.status, wrong.body.errors?.[0]]).toEqual([
      422,
      {
        path: 'at',
        code: 'not_skipped',
        message: `${String(times[2])} is not skipped; these are: ${String(times[0])}, ${String(times[1])}`,
      },
    ]);
    const { status, body } = await post(id, 'unskip', { at: times[0] }, { 'If-Match': '"2"' });
    expect([status, body.skips.map(({ at }) => at), body.status.upcoming]).toEqual([
      200,
      [times[1]],
      [times[0], times[2]],
    ]);
    await untilCompleted(id);
    expect(await recordedOf(id)).toEqual([ran(times[0]), skipped(times[1]), ran(times[2])]);
    expect((await api.listRevisions(id)).items.map(({ action }) => action)).toEqual([
      'completed',
      'unskipped',
      'skipped',
      'created',
    ]);
  });

  test.concurrent(
    'does not start while Temporal does not know of it, nor after the API has died',
    async () => {
      const proxy = await startProxy(Number(fromRunner('temporalAddress').split(':')[1]));
      const cutOff = await stack.startApi({ TEMPORAL_ADDRESS: `127.0.0.1:${proxy.port}` });
      const { id, times } = await createJob('unknown', 2, 5, {}, 20);
      await untilSynced(api, id);
      proxy.cut();
      const answer = apiClient(cutOff.url);
      const { status, body } = await request<Job>(`${cutOff.url}/jobs/${id}/skip`, 'POST', { next: 2 });
      expect([status, body.sync.state, body.skips.length]).toEqual([200, 'pending', 2]);
      expect((await answer.getJob(id)).status.nextRunAt).toBe(times[2]);
      await cutOff.stop('SIGKILL');
      await proxy.stop();
      await untilCompleted(id);
      expect(await recordedOf(id)).toEqual([
        ...times.slice(0, 2).map(skipped),
        ...times.slice(2).map((at) => ran(at)),
      ]);
      expect(calledFor('unknown').sort()).toEqual(times.slice(2));
    },
  );

  test.concurrent('either runs or is skipped, if it is asked for at the last moment', async () => {
    const { id, times } = await createJob('edge', 1, 12, { policy: { overlap: 'allowAll' } });
    const asked = new Map<string, number>();
    for (const at of times) {
      // Around the instant, a little before and a little after.
      const offset = (times.indexOf(at) % 6) * 60 - 200;
      await waitFor('its time', () => Date.now() >= Date.parse(at) + offset);
      asked.set(at, (await skip(id, { at })).status);
    }
    await untilCompleted(id);
    const recorded = await recordedOf(id);
    expect(recorded).toEqual(times.map((at) => (asked.get(at) === 200 ? skipped(at) : ran(at))));
    expect(calledFor('edge').sort()).toEqual(times.filter((at) => asked.get(at) !== 200));
  });
});

const FAR = { cron: '0 9 * * MON', timeZone: 'Europe/Berlin' };
const createFar = (name: string, schedule: object = FAR) =>
  api.createJob({ name, schedule, target: target('/far') });

describe('skips of a job', () => {
  test.concurrent(
    'are kept by other changes as far as they are occurrences of the new schedule',
    async () => {
      const { id, status } = await createFar('kept');
      const [first, second] = status.upcoming as [string, string];
      await skip(id, { at: [first, second], reason: 'x' });
      const labelled = await api.patchJob(id, { labels: { team: 'a' } });
      expect(labelled.skips).toHaveLength(2);
      // The first Monday alone is left.
      const changed = await api.patchJob(id, { schedule: { endAt: first } });
      expect([changed.skips.map(({ at }) => at), changed.status.upcoming]).toEqual([[first], []]);
      const { items } = await api.listRevisions(id);
      expect(Object.keys(items[0]?.changes ?? {}).sort()).toEqual(['schedule', 'skips']);
      expect(items[1]?.changes).not.toHaveProperty('skips');
      // What is put as it was read stays as it is.
      const { schedule } = await api.getJob(id);
      expect(schedule).not.toHaveProperty('skips');
    },
  );

  test.concurrent('are each asked for once, by two servers at once', async () => {
    const { id } = await createFar('raced', { every: '1h' });
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        request<Job>(`${String(urls[index % 2])}/jobs/${id}/skip`, 'POST', { next: 1 }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    const { skips, status } = await api.getJob(id);
    expect(new Set(skips.map(({ at }) => at)).size).toBe(10);
    expect(Date.parse(status.nextRunAt as string)).toBe(Date.parse(skips.at(-1)?.at as string) + 3_600_000);
    await untilSynced(api, id);
  });

  test.concurrent('are asked for once, by a request that is repeated with its Idempotency-Key', async () => {
    const { id } = await createFar('repeated', { every: '1h' });
    const send = () => skip(id, { next: 1 }, { 'Idempotency-Key': 'skip-once', 'If-Match': '"1"' });
    const first = await send();
    const second = await send();
    expect([first.status, second.status, second.headers.get('idempotency-replayed')]).toEqual([
      200,
      200,
      'true',
    ]);
    expect(second.body).toEqual(first.body);
    expect((await api.getJob(id)).skips).toHaveLength(1);
  });

  test.concurrent.each([
    [{}, 'at', 'say which occurrences'],
    [{ at: '2099-12-28T08:00:00Z', next: 1 }, 'next', 'either "at" or "next"'],
    [{ next: 0 }, 'next', ''],
    [{ next: 101 }, 'next', ''],
    [{ at: [] }, 'at', ''],
    [{ at: 'tomorrow' }, 'at', ''],
    [
      { at: '2099-12-29T08:00:00Z' },
      'at',
      'is no occurrence of the job; the nearest are 2099-12-28T08:00:00Z and 2100-01-04T08:00:00Z',
    ],
    [{ at: ['2099-12-28T08:00:00Z', '2099-12-28T08:00:00.5Z'] }, 'at[1]', 'is no occurrence'],
    [{ at: '2020-01-06T08:00:00Z' }, 'at', 'has passed; it is now'],
  ])('are refused, and nothing changes: %j', async (body, path, message) => {
    const { id } = await createFar(`refused ${JSON.stringify(body)}`);
    const answer = await skip(id, body);
    expect([answer.status, answer.body.code]).toEqual([422, 'invalid']);
    expect(answer.body.errors?.[0]).toMatchObject({ path, message: expect.stringContaining(message) });
    const { skips, sync } = await api.getJob(id);
    expect([skips, sync.generation]).toEqual([[], 1]);
  });

  test.concurrent('are refused beyond what is left, and beyond a hundred', async () => {
    const few = await createFar('few', { at: ['2099-01-01T00:00:00Z', '2099-01-02T00:00:00Z'] });
    const tooFew = await skip(few.id, { next: 3 });
    expect([tooFew.status, tooFew.body.errors?.[0]?.message]).toEqual([
      422,
      'of the occurrences that the job has left and that are not skipped, 2 are: 2099-01-01T00:00:00Z, 2099-01-02T00:00:00Z',
    ]);
    const many = await createFar('many', { every: '1h' });
    expect((await skip(many.id, { next: 100 })).status).toBe(200);
    const tooMany = await skip(many.id, { next: 1 });
    expect([tooMany.status, tooMany.body.errors?.[0]?.code]).toEqual([422, 'too_many']);
    expect((await untilSynced(api, many.id)).skips).toHaveLength(100);
  });

  test.concurrent('are refused for a job that has changed, or that is gone', async () => {
    const { id } = await createFar('gone');
    for (const operation of ['skip', 'unskip']) {
      const stale = await post(id, operation, { at: '2099-12-28T08:00:00Z' }, { 'If-Match': '"7"' });
      expect([stale.status, stale.body.code]).toEqual([412, 'precondition_failed']);
    }
    await api.deleteJob(id);
    for (const operation of ['skip', 'unskip'])
      expect((await post(id, operation, { at: '2099-12-28T08:00:00Z' })).status).toBe(404);
  });
});
