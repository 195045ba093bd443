import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiClient } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { fromRunner } from '../support/environment.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

// A worker that loses Temporal, but neither Postgres nor the target, in the middle of a long call, beside one that loses nothing.

const CALL_MS = 40_000;

let stack: Stack;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('lost-temporal');
  const service = await stack.startApi();
  api = apiClient(service.url);
});
afterAll(() => stack.stop());

/** What a target saw: how many calls were in flight at once, of one run and of all. */
function watchCalls(path: string) {
  const inFlight = new Map<ServerResponse, string>();
  const seen = { most: 0, mostOfOneRun: 0, broken: 0, calls: 0, answer: () => undefined as void };
  stack.receiver.respond(`/${path}`, ({ headers }, response) => {
    seen.calls++;
    inFlight.set(response, String(headers['x-scheduler-run']));
    const runs = [...inFlight.values()];
    seen.most = Math.max(seen.most, runs.length);
    for (const run of runs)
      seen.mostOfOneRun = Math.max(seen.mostOfOneRun, runs.filter((other) => other === run).length);
    response.once('close', () => {
      inFlight.delete(response);
      if (!response.writableFinished) seen.broken++;
    });
    setTimeout(() => response.end('ok'), CALL_MS).unref();
  });
  seen.answer = () => {
    for (const response of inFlight.keys()) response.end('ok');
    stack.receiver.respond(`/${path}`, (_, response) => void response.end('ok'));
  };
  return seen;
}

/** Two runs of a job whose calls are long: with a limit, the second one waits for the first. */
async function beginRuns(path: string, policy: object, count: number): Promise<string[]> {
  const target = { type: 'http', url: `${stack.receiver.url}/${path}`, timeout: '2m' };
  const job = await api.createJob({
    name: path,
    schedule: { at: '2090-01-01T00:00:00Z' },
    target,
    policy,
  });
  const ids: string[] = [];
  for (let index = 0; index < count; index++) ids.push((await api.runJob(job.id)).id);
  return ids;
}

const KINDS = [
  ['plain', {}, 2],
  ['limited', { maxConcurrent: 1 }, 2],
] as const;

/** Has `lose` happen to a worker in the middle of its calls, and another worker make them again. */
async function loseInCalls(prefix: string, lose: (proxy: Proxy) => void) {
  const [host, port] = fromRunner('temporalAddress').split(':');
  const proxy = await startProxy(Number(port));
  const worker = await stack.startWorker({ TEMPORAL_ADDRESS: `${host}:${proxy.port}` });
  const kinds = await Promise.all(
    KINDS.map(async ([name, policy, count]) => {
      const seen = watchCalls(`${prefix}-${name}`);
      const runs = await beginRuns(`${prefix}-${name}`, policy, count);
      const first = 'maxConcurrent' in policy ? 1 : count;
      await waitFor('its calls', () => seen.calls === first);
      return { name, policy, seen, runs, first };
    }),
  );
  // Long enough for every call to be waited for by an activity.
  await sleep(3_500);
  const other = await stack.startWorker();
  lose(proxy);
  for (const { seen, first } of kinds)
    await waitFor('the calls to be made again', () => seen.calls >= 2 * first, 60_000);
  return { proxy, worker, other, kinds };
}

test.each<[string, (proxy: Proxy) => void]>([
  ['cut', (proxy) => proxy.cut()],
  ['silent', (proxy) => proxy.freeze()],
])('a call is broken off before another one begins: connections are %s', async (how, lose) => {
  const { proxy, worker, other, kinds } = await loseInCalls(how, lose);
  for (const { name, seen, first, runs } of kinds) {
    expect([name, seen.mostOfOneRun, seen.broken]).toEqual([name, 1, first]);
    expect([name, seen.most]).toEqual([name, first]);
    seen.answer();
    const ended = await Promise.all(runs.map((id) => endOfRun(api, id, 60_000)));
    expect(ended.map(({ state }) => state)).toEqual(runs.map(() => 'succeeded'));
    expect([name, seen.most]).toEqual([name, first]);
  }
  await Promise.all([worker.stop('SIGKILL'), other.stop()]);
  await proxy.stop();
});
