import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Run } from '../../domain/run/run.ts';
import { apiClient } from '../support/client.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

// For each overlap policy and two catchup windows, a job with an occurrence every second and a target that takes
// 3.5 seconds. The only worker is away for 20 seconds; the workflows that Temporal starts meanwhile wait for it.
const TAKES_MS = 3_500;
const AWAY_MS = 20_000;
const OCCURRENCES = 30;
const POLICIES = ['skip', 'bufferOne', 'bufferAll', 'cancelOther', 'terminateOther', 'allowAll'] as const;
const WINDOWS = ['10s', '1h'] as const;
type Name = `${(typeof POLICIES)[number]} ${(typeof WINDOWS)[number]}`;

let stack: Stack;
let startAt: number;
const ids = {} as Record<Name, string>;
const runsOf = {} as Record<Name, Run[]>;
/** The nominal times of all workflows that Temporal started, in seconds from the first. */
const startedOf = {} as Record<Name, number[]>;
const names = POLICIES.flatMap((overlap) => WINDOWS.map((window): Name => `${overlap} ${window}`));

beforeAll(async () => {
  stack = await createStack('workers-away');
  const [service, worker] = await Promise.all([stack.startApi(), stack.startWorker()]);
  const api = apiClient(service.url);
  startAt = Math.ceil(Date.now() / 1_000) * 1_000 + 8_000;
  for (const name of names) {
    const [overlap, catchupWindow] = name.split(' ');
    const path = `/${name.replace(' ', '/')}`;
    stack.receiver.respond(path, (_, response) => void setTimeout(() => response.end('ok'), TAKES_MS));
    const job = await api.createJob({
      name,
      schedule: {
        every: '1s',
        startAt: new Date(startAt).toISOString(),
        endAt: new Date(startAt + (OCCURRENCES - 1) * 1_000).toISOString(),
      },
      target: { type: 'http', url: stack.receiver.url + path },
      policy: { overlap, catchupWindow },
    });
    ids[name] = job.id;
  }
  await sleep(startAt + 3_000 - Date.now());
  await worker.stop('SIGKILL');
  await sleep(AWAY_MS);
  await stack.startWorker();

  // bufferAll takes longest: its runs come one after another.
  const perRun = TAKES_MS + 2_000;
  await waitFor(
    'every schedule to be finished',
    async () => {
      for (const name of names) {
        const { info } = await stack.temporal.schedule
          .getHandle(`scheduler-job-${ids[name]}`)
          .describe()
          .catch(() => ({ info: undefined }));
        if (info && (info.runningActions.length > 0 || info.nextActionTimes.length > 0)) return false;
        const runs = await api.allRuns(ids[name]);
        if (runs.length < OCCURRENCES || runs.some((run) => run.endedAt === null)) return false;
      }
      return true;
    },
    OCCURRENCES * perRun + 30_000,
  );
  for (const name of names) {
    runsOf[name] = (await api.allRuns(ids[name])).reverse();
    const prefix = `scheduler-job-${ids[name]}-`;
    const started: number[] = [];
    for await (const { workflowId } of stack.temporal.workflow.list({ query: `JobId = "${ids[name]}"` })) {
      started.push((Date.parse(workflowId.slice(prefix.length)) - startAt) / 1_000);
    }
    startedOf[name] = started.sort((a, b) => a - b);
  }
}, 400_000);
afterAll(() => stack.stop());

const EVERY_ONE = Array.from({ length: OCCURRENCES }, (_, index) => index);
const placeOf = (run: Run) => (Date.parse(run.scheduledAt) - startAt) / 1_000;
const succeeded = (name: Name) => runsOf[name].filter((run) => run.state === 'succeeded');
/** The runs that were started. */
const started = (name: Name) => runsOf[name].filter(({ state }) => state !== 'skipped' && state !== 'missed');

describe.each(WINDOWS)('the worker is away for 20 s, with a catchup window of %s', (window) => {
  test.each(POLICIES)('%s: every occurrence is recorded once, and each run has one key', (overlap) => {
    const name: Name = `${overlap} ${window}`;
    expect(runsOf[name].map(placeOf)).toEqual(EVERY_ONE);
    expect(new Set(startedOf[name]).size).toBe(startedOf[name].length);
    const keys = new Set(
      stack.receiver.callsTo(`/${overlap}/${window}`).map((call) => call.headers['idempotency-key']),
    );
    for (const key of keys) expect(runsOf[name].map((run) => run.id)).toContain(key);
  });

  test('skip: the run that waits for the worker keeps the others from starting', () => {
    const name: Name = `skip ${window}`;
    expect(succeeded(name)).toEqual(started(name));
    const during = started(name)
      .map(placeOf)
      .filter((place) => place >= 5 && place < 22);
    expect(during.length).toBeLessThanOrEqual(1);
  });

  test('bufferOne: one more starts when the worker is back, if it is not too late', () => {
    const name: Name = `bufferOne ${window}`;
    expect(succeeded(name)).toEqual(started(name));
    const during = started(name)
      .map(placeOf)
      .filter((place) => place >= 5 && place < 22);
    expect(during.length).toBeLessThanOrEqual(2);
  });

  test('cancelOther: the last one succeeds', () => {
    const runs = runsOf[`cancelOther ${window}`];
    expect(runs[runs.length - 1]).toMatchObject({ state: 'succeeded' });
  });

  test('terminateOther: runs are terminated without a worker, and the last one succeeds', () => {
    const name: Name = `terminateOther ${window}`;
    // If a slow server finds several due at once, it starts only the last one. If ending a run took a worker, at most one would start.
    const during = startedOf[name].filter((place) => place >= 5 && place < 22);
    expect(during.length).toBeGreaterThan(2);
    expect(startedOf[name][startedOf[name].length - 1]).toBe(OCCURRENCES - 1);
    expect(succeeded(name).map(placeOf)).toEqual([OCCURRENCES - 1]);
  });

  test('allowAll: every occurrence has its run, however late, because Temporal started it in time', () => {
    const name: Name = `allowAll ${window}`;
    expect(started(name).map(placeOf)).toEqual(EVERY_ONE);
    expect(succeeded(name)).toHaveLength(OCCURRENCES);
  });

  test('bufferAll: every occurrence has its run, one after another, because waiting in the buffer is not being late', () => {
    const name: Name = `bufferAll ${window}`;
    expect(started(name).map(placeOf)).toEqual(EVERY_ONE);
    expect(succeeded(name)).toHaveLength(OCCURRENCES);
  });
});
