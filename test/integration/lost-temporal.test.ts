import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiClient } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { fromRunner } from '../support/environment.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

// A worker that loses Temporal, but neither Postgres nor the target, in the middle of a long call, beside one that loses nothing.

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
  const seen = {
    calls: 0,
    now: () => inFlight.size,
    most: 0,
    mostOfOneRun: 0,
    broken: 0,
    /** Answers the calls in flight, and every other at once. */
    answer: () => {
      for (const response of inFlight.keys()) response.end('ok');
      stack.receiver.respond(`/${path}`, (_, response) => void response.end('ok'));
    },
  };
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
  });
  return seen;
}

/** Two runs of a job whose calls are long: with a limit, the second one waits for the first. */
async function beginRuns(path: string, policy: object): Promise<string[]> {
  const target = { type: 'http', url: `${stack.receiver.url}/${path}`, timeout: '2m' };
  const job = await api.createJob({
    name: path,
    schedule: { at: '2090-01-01T00:00:00Z' },
    target,
    policy,
  });
  return [(await api.runJob(job.id)).id, (await api.runJob(job.id)).id];
}

const KINDS = [
  ['plain', {}],
  ['limited', { maxConcurrent: 1 }],
] as const;

interface Loss {
  proxy: Proxy;
  worker: ServiceProcess;
}

/** Has `lose` happen to a worker in the middle of its calls, and another worker make them again. */
async function loseInCalls(prefix: string, lose: (loss: Loss) => void) {
  const [host, port] = fromRunner('temporalAddress').split(':');
  const proxy = await startProxy(Number(port));
  const worker = await stack.startWorker({ TEMPORAL_ADDRESS: `${host}:${proxy.port}` });
  const kinds = await Promise.all(
    KINDS.map(async ([name, policy]) => {
      const seen = watchCalls(`${prefix}-${name}`);
      const runs = await beginRuns(`${prefix}-${name}`, policy);
      const first = 'maxConcurrent' in policy ? 1 : runs.length;
      await waitFor('its calls', () => seen.calls === first);
      return { name, seen, runs, first };
    }),
  );
  // Until every call is waited for by an activity.
  await sleep(3_500);
  const other = await stack.startWorker();
  lose({ proxy, worker });
  for (const { seen, first } of kinds)
    await waitFor('the calls to be made again', () => seen.calls >= 2 * first, 60_000);
  return { proxy, worker, other, kinds };
}

type Kinds = Awaited<ReturnType<typeof loseInCalls>>['kinds'];

/** Answers all calls, and checks that every run succeeds, and that both its calls are in the record. */
async function finish(kinds: Kinds): Promise<void> {
  for (const { name, seen, runs, first } of kinds) {
    seen.answer();
    const ended = await Promise.all(runs.map((id) => endOfRun(api, id, 60_000)));
    expect(ended.map(({ state }) => state)).toEqual(runs.map(() => 'succeeded'));
    const outcomes = ended.map(({ attempts }) => attempts.map(({ number, outcome }) => [number, outcome]));
    const once = [[1, 'succeeded']];
    const again = [[1, 'lost'], ...once];
    expect([name, outcomes.sort((a, b) => b.length - a.length)]).toEqual([
      name,
      runs.map((_, index) => (index < first ? again : once)),
    ]);
  }
}

test('a call is broken off before another one begins, when Temporal falls silent for its worker', async () => {
  const { proxy, worker, other, kinds } = await loseInCalls('silent', ({ proxy }) => {
    proxy.freeze();
    // Else Temporal goes on giving tasks to a worker that does not get them.
    setTimeout(() => proxy.cut(), 13_000);
  });
  for (const { name, seen, first } of kinds) {
    expect([name, seen.mostOfOneRun, seen.most, seen.broken]).toEqual([name, 1, first, first]);
  }
  await finish(kinds);
  for (const { name, seen, first } of kinds) expect([name, seen.most]).toEqual([name, first]);
  await Promise.all([worker.stop('SIGKILL'), other.stop()]);
  await proxy.stop();
});

test('a worker that was frozen in a call breaks it off when it wakes, and neither records it nor releases its permit', async () => {
  const { proxy, worker, other, kinds } = await loseInCalls('frozen', ({ proxy, worker }) => {
    worker.process.child.kill('SIGSTOP');
    proxy.cut();
  });
  // The exception: a frozen process cannot break anything off.
  for (const { name, seen, first } of kinds)
    expect([name, seen.mostOfOneRun, seen.most, seen.broken]).toEqual([name, 2, 2 * first, 0]);
  proxy.restore();
  worker.process.child.kill('SIGCONT');
  for (const { seen, first } of kinds)
    await waitFor('the calls to be broken off', () => seen.broken === first);
  // What it records of them is noted, and lets no other run begin.
  await sleep(4_000);
  for (const { name, seen, first } of kinds)
    expect([name, seen.now(), seen.calls]).toEqual([name, first, 2 * first]);
  await finish(kinds);
  await Promise.all([worker.stop(), other.stop()]);
  await proxy.stop();
});
