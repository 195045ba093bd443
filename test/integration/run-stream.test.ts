import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RunEvent } from '../../domain/run/run-event.ts';
import { apiClient, request } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { followRuns, type Follower } from '../support/follow-runs.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let services: [ServiceProcess, ServiceProcess];
let api: ReturnType<typeof apiClient>;
const followers: Follower[] = [];

beforeAll(async () => {
  stack = await createStack('run-stream');
  services = await Promise.all([stack.startApi(), stack.startApi()]);
  api = apiClient(services[0].url);
});
afterAll(async () => {
  for (const follower of followers) follower.close();
  await stack.stop();
  expect(followers.flatMap(({ faults }) => faults)).toEqual([]);
});

async function follow(url: string, query = '', lastEventId?: string): Promise<Follower> {
  const follower = await followRuns(`${url}/runs/stream${query}`, lastEventId);
  followers.push(follower);
  return follower;
}

const makeJob = (name: string, path = '/ok') =>
  api.createJob({
    name,
    schedule: { at: '2090-01-01T00:00:00Z' },
    target: { type: 'http', url: stack.receiver.url + path },
  });

/** Creates events of many runs without a worker, from several connections, so that they are committed out of order. */
async function makeEvents(jobId: string, runs: number, reason = ''): Promise<void> {
  const insert = async (count: number) => {
    const { rows } = await stack.db.query<{ id: string }>(
      `INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, state, workflow_id, reason, check_at)
       SELECT gen_random_uuid(), $1, 'default', 1, 'manual', now(), 'queued', 'none', $3, '2090-01-01'
       FROM generate_series(1, $2) RETURNING id`,
      [jobId, count, reason],
    );
    await stack.db.query(`UPDATE runs SET state = 'cancelled', ended_at = now() WHERE id = ANY($1)`, [
      rows.map(({ id }) => id),
    ]);
  };
  const lanes = 4;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let done = 0; done < runs / lanes; done += 10) await insert(Math.min(10, runs / lanes - done));
    }),
  );
}

const runIdsOf = (follower: Follower) => follower.events.map(({ data }) => (data as RunEvent).runId);

describe('two readers on two API processes', () => {
  test('see the same 500 events in the same order; a reader that reconnects misses none', async () => {
    const job = await makeJob('five hundred');
    const [first, second] = await Promise.all([follow(services[0].url), follow(services[1].url)]);
    let third = await follow(services[1].url, `?jobId=${job.id}`);
    const parts: Follower[] = [third];
    // It reconnects again and again, each time to the other process, at the position where it was cut off.
    for (let times = 0; times < 4; times++) {
      const making = makeEvents(job.id, 60);
      await waitFor('some events', () => third.events.length >= 20, 20_000);
      third.close();
      third = await follow(services[times % 2]?.url ?? '', `?jobId=${job.id}`, third.lastEventId);
      parts.push(third);
      await making;
    }
    await makeEvents(job.id, 40);
    const all = () => parts.flatMap(({ events }) => events);
    await waitFor('all events', () =>
      [first.events, second.events, all()].every(({ length }) => length >= 560),
    );

    expect(first.events).toHaveLength(560);
    expect(second.events).toEqual(first.events);
    expect(all()).toEqual(first.events);
    const ids = first.events.map(({ id }) => Number(id));
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(new Set(ids).size).toBe(560);
    for (const { event, data } of first.events)
      expect([event, RunEvent.parse(data).jobId]).toEqual(['run', job.id]);
    // Each run was queued before it was cancelled.
    for (const runId of new Set(runIdsOf(first))) {
      const states = first.events
        .map(({ data }) => data as RunEvent)
        .filter((event) => event.runId === runId)
        .map(({ state }) => state);
      expect(states).toEqual(['queued', 'cancelled']);
    }
  });

  test('an event that is committed late is seen by all readers, after the events before it', async () => {
    const job = await makeJob('late');
    const follower = await follow(services[0].url);
    const client = await stack.db.connect();
    const insert = `INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, state, workflow_id, reason, check_at)
      VALUES (gen_random_uuid(), '${job.id}', 'default', 1, 'manual', now(), 'queued', 'none', $1, '2090-01-01')`;
    await client.query('BEGIN');
    await client.query(insert, ['first to begin']);
    await stack.db.query(insert, ['first to end']);
    await waitFor('the committed event', () => follower.events.length === 1);
    await client.query('COMMIT');
    client.release();
    await waitFor('the late event', () => follower.events.length === 2);
    expect(follower.events.map(({ data }) => (data as RunEvent).reason)).toEqual([
      'first to end',
      'first to begin',
    ]);
    await stack.db.query(`UPDATE runs SET state = 'cancelled', ended_at = now() WHERE job_id = $1`, [job.id]);
  });
});

describe('a reader', () => {
  test('sees the start, the failure, the retry and the success of a run, only of its job', async () => {
    let answers = 0;
    stack.receiver.respond('/twice', (_, response) => {
      response.statusCode = ++answers < 2 ? 503 : 200;
      response.end();
    });
    const worker = await stack.startWorker();
    const [job, other] = [await makeJob('followed', '/twice'), await makeJob('not followed')];
    const follower = await follow(services[1].url, `?jobId=${job.id}`);
    const run = await endOfRun(api, (await api.runJob(job.id)).id);
    await endOfRun(api, (await api.runJob(other.id)).id);
    await waitFor('the end of the run', () =>
      follower.events.some(({ data }) => (data as RunEvent).state === 'succeeded'),
    );
    expect(
      follower.events.map(({ data }) => {
        const { runId, state, attempts, lastAttempt } = data as RunEvent;
        return [runId, state, attempts, lastAttempt?.statusCode];
      }),
    ).toEqual([
      [run.id, 'queued', 0, undefined],
      [run.id, 'running', 0, undefined],
      [run.id, 'running', 1, 503],
      [run.id, 'succeeded', 2, 200],
    ]);
    await worker.stop();
  });

  test('is told if it was away for too long, or names an unknown event', async () => {
    const { last } = await waitFor('all events to have a position', async () => {
      const { rows } = await stack.db.query<{ last: string; unplaced: string }>(
        'SELECT max(place) AS last, count(*) FILTER (WHERE place IS NULL) AS unplaced FROM run_events',
      );
      return rows[0]?.unplaced === '0' ? rows[0] : undefined;
    });
    const ahead = await follow(services[0].url, '', String(Number(last) + 1_000_000));
    await waitFor('the gap', () => ahead.events.some(({ event }) => event === 'gap'));
    await stack.db.query('DELETE FROM run_events WHERE place <= $1', [Number(last) - 5]);
    const behind = await follow(services[0].url, '?lastEventId=3');
    await waitFor('the rest', () => behind.events.length === 6);
    expect(behind.events.map(({ event }) => event)).toEqual(['gap', 'run', 'run', 'run', 'run', 'run']);
    expect(behind.events[0]?.data).toMatchObject({ message: expect.stringContaining('GET /runs') });
    // The OpenAPI document describes both kinds of events, and the stream.
    expect(ahead.faults.concat(behind.faults)).toEqual([]);
    expect(behind.retryMs).toBe(2_000);
    const recent = await follow(services[0].url, '', String(Number(last) - 2));
    await waitFor('two', () => recent.events.length === 2);
    expect(recent.events.map(({ id }) => id)).toEqual([String(Number(last) - 1), last]);
  });

  test.each<[string, number]>([
    ['?jobId=no-id', 422],
    ['?jobId=019ab1c0-7e11-7cc3-98c4-dc0c0c07398f', 404],
    ['?lastEventId=-1', 422],
    ['?lastEventId=99999999999999999999', 422],
    ['?state=failed', 422],
  ])('with %s is refused: %i', async (query, status) => {
    expect((await request(`${services[0].url}/runs/stream${query}`)).status).toBe(status);
  });

  test('that does not read costs the API only the buffers of its connection, and gets all events once it reads', async () => {
    const job = await makeJob('much');
    const pid = String(services[0].process.child.pid);
    const memoryMb = () =>
      Number(execFileSync('ps', ['-o', 'rss=', '-p', pid], { encoding: 'utf8' })) / 1_024;
    const url = new URL(services[0].url);
    const slow = await Promise.all(
      Array.from({ length: 20 }, () => {
        const socket = connect(Number(url.port), url.hostname);
        // Nothing is read from it until it is resumed.
        socket.pause();
        socket.write('GET /runs/stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
        return new Promise<typeof socket>((resolve) => socket.once('connect', () => resolve(socket)));
      }),
    );
    const reader = await follow(services[0].url);
    // All connections are full by then, and the process has its working memory.
    await makeEvents(job.id, 2_000, 'x'.repeat(1_500));
    await waitFor('the reader that reads', () => reader.events.length === 4_000);
    const before = memoryMb();
    // About 12 MB more for each reader. Without a bound this would be 240 MB.
    await makeEvents(job.id, 3_000, 'x'.repeat(1_500));
    await waitFor('the reader that reads', () => reader.events.length === 10_000);
    const grown = memoryMb() - before;
    console.log(`20 readers that do not read, 6,000 events of 2 kB: the API grew by ${grown.toFixed(0)} MB`);
    expect(grown).toBeLessThan(120);
    const lastId = reader.lastEventId;
    for (const socket of slow.slice(1)) socket.destroy();
    let received = '';
    slow[0]?.setEncoding('utf8').on('data', (text: string) => (received = (received + text).slice(-10_000)));
    slow[0]?.resume();
    await waitFor('the last event', () => received.includes(`id: ${lastId}\n`));
    slow[0]?.destroy();
  });

  test('that does not read does not keep the process from stopping', async () => {
    const service = await stack.startApi();
    const url = new URL(service.url);
    const socket = connect(Number(url.port), url.hostname);
    socket.pause();
    socket.on('error', () => undefined);
    socket.write('GET /runs/stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const reader = await follow(service.url);
    const job = await makeJob('more than a connection holds');
    await makeEvents(job.id, 3_000, 'x'.repeat(1_500));
    await waitFor('the reader that reads', () => reader.events.length === 6_000);
    const started = Date.now();
    await service.stop();
    expect((await service.process.exited).code).toBe(0);
    expect(Date.now() - started).toBeLessThan(15_000);
    socket.destroy();
  });

  test('is disconnected at once when the process stops', async () => {
    const service = await stack.startApi();
    const follower = await follow(service.url);
    const started = Date.now();
    await service.stop();
    await follower.ended;
    // Not only after the 30 s that a shutdown may take.
    expect(Date.now() - started).toBeLessThan(15_000);
    expect((await service.process.exited).code).toBe(0);
  });
});
