import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Run } from '../../domain/run/run.ts';
import { apiClient, request } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { startProxy } from '../support/proxy.ts';
import { untilSynced } from '../support/job-state.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

// Runs whose first call starts in a local activity: docs/decisions/0023-local-calls.md.

let stack: Stack;
let service: ServiceProcess;
let worker: ServiceProcess;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('local-calls');
  [service, worker] = await Promise.all([stack.startApi(), stack.startWorker()]);
  api = apiClient(service.url);
});
afterAll(() => stack.stop());

const never = { at: '2090-01-01T00:00:00Z' };
const createJob = (name: string, more: object = {}, target: object = {}) =>
  api.createJob({
    name,
    schedule: never,
    target: { type: 'http', url: `${stack.receiver.url}/${name}`, ...target },
    ...more,
  });
const callsTo = (name: string) => stack.receiver.callsTo(`/${name}`);

const cancel = (runId: string) => request(`${service.url}/runs/${runId}/cancel`, 'POST');

/** The activities that the workflow of a run has had, local ones included. */
async function activitiesOf(run: Run): Promise<string[]> {
  const { events } = await stack.temporal.workflow
    .getHandle(run.temporal.workflowId, run.temporal.runId ?? undefined)
    .fetchHistory();
  return (events ?? []).flatMap(({ markerRecordedEventAttributes, activityTaskScheduledEventAttributes }) => {
    if (markerRecordedEventAttributes) return [markerRecordedEventAttributes.markerName ?? ''];
    return activityTaskScheduledEventAttributes?.activityType?.name ?? [];
  });
}
const LOCAL = 'core_local_activity';

/** Makes a path answer only when it is told to. */
function hold(name: string) {
  const held: ServerResponse[] = [];
  stack.receiver.respond(`/${name}`, (_, response) => void held.push(response));
  return { held, answer: () => held.splice(0).forEach((response) => response.end('ok')) };
}

test.concurrent(
  'a call starts in a local activity, for scheduled and manual runs; not if others may end the run, or if it has a limit',
  async () => {
    const job = await createJob('once', { schedule: { at: new Date(Date.now() + 3_000).toISOString() } });
    const run = await waitFor('the occurrence', async () => {
      const [first] = (await api.listRuns(job.id)).items;
      return first?.state === 'succeeded' ? first : undefined;
    });
    expect(run.attempts).toMatchObject([{ number: 1, outcome: 'succeeded', statusCode: 200 }]);
    expect(callsTo('once').map(({ headers }) => headers['idempotency-key'])).toEqual([run.id]);
    await waitFor('its history', async () => (await activitiesOf(run)).length > 0);
    expect(await activitiesOf(run)).toEqual([LOCAL]);

    const others: [string, object, object][] = [
      ['limited', { policy: { maxConcurrent: 1 } }, {}],
      ['ended by others', { policy: { overlap: 'cancelOther' } }, {}],
      ['timed', { timeout: '1m' }, {}],
    ];
    for (const [name, more, target] of others) {
      const other = await createJob(name, more, { url: `${stack.receiver.url}/other`, ...target });
      const ended = await endOfRun(api, (await api.runJob(other.id)).id);
      expect([name, ended.state, await activitiesOf(ended)]).toEqual([name, 'succeeded', ['runHttpTarget']]);
    }
    const byHand = await endOfRun(api, (await api.runJob(job.id)).id);
    await waitFor('its history', async () => (await activitiesOf(byHand)).length > 0);
    expect(await activitiesOf(byHand)).toEqual([LOCAL]);
  },
);

test.concurrent(
  'a change of the job that rules out a local activity reaches the Temporal Schedule',
  async () => {
    const job = await createJob('changed', { schedule: { every: '2s' } });
    const kindOf = async (after: number) => {
      const run = await waitFor('a run', async () =>
        (await api.listRuns(job.id, '?state=succeeded')).items.find(
          ({ scheduledAt }) => Date.parse(scheduledAt) > after,
        ),
      );
      return waitFor('its history', async () => {
        const activities = await activitiesOf(run);
        return activities.length > 0 ? activities : undefined;
      });
    };
    expect(await kindOf(0)).toEqual([LOCAL]);
    await api.patchJob(job.id, { policy: { maxConcurrent: 1 } });
    expect((await untilSynced(api, job.id)).sync.generation).toBe(2);
    expect(await kindOf(Date.now())).toEqual(['runHttpTarget']);
    await api.patchJob(job.id, { policy: { maxConcurrent: null } });
    expect((await untilSynced(api, job.id)).sync.generation).toBe(3);
    expect(await kindOf(Date.now())).toEqual([LOCAL]);
    await api.pauseJob(job.id);
  },
);

test.concurrent(
  'a failed call is retried by an activity after the interval of the job; a final failure fails the workflow',
  async () => {
    let answers = 0;
    stack.receiver.respond('/again', (_, response) => response.writeHead(answers++ === 0 ? 503 : 200).end());
    const job = await createJob('again', { retry: { initialInterval: '2s', maxAttempts: 2 } });
    const run = await endOfRun(api, (await api.runJob(job.id)).id);
    expect(run.state).toBe('succeeded');
    expect(run.attempts).toMatchObject([
      { number: 1, outcome: 'failed', statusCode: 503, retryAt: expect.any(String) },
      { number: 2, outcome: 'succeeded', statusCode: 200 },
    ]);
    const [first, second] = callsTo('again');
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_000);
    await waitFor('both activities', async () => (await activitiesOf(run)).length === 2);
    expect(await activitiesOf(run)).toEqual([LOCAL, 'runHttpTarget']);

    stack.receiver.respond('/refused', (_, response) => response.writeHead(400).end());
    const refused = await createJob('refused');
    const failed = await endOfRun(api, (await api.runJob(refused.id)).id);
    expect(failed).toMatchObject({
      state: 'failed',
      reason: 'the target answered 400',
      reasonCode: 'attemptFailed',
      attempts: [{ number: 1 }],
    });
    await waitFor('the workflow to fail', async () => {
      const { status } = await stack.temporal.workflow.getHandle(failed.temporal.workflowId).describe();
      return status.name === 'FAILED';
    });
    expect(callsTo('refused')).toHaveLength(1);
    expect(await activitiesOf(failed)).toEqual([LOCAL]);

    hold('silent');
    const silent = await createJob('silent', { retry: { maxAttempts: 1 } }, { timeout: '1s' });
    const late = await endOfRun(api, (await api.runJob(silent.id)).id);
    expect(late).toMatchObject({ state: 'failed', attempts: [{ number: 1, statusCode: null }] });
  },
);

test.concurrent(
  'a longer call goes on in its worker, is shown by Temporal, and ends the run like any other',
  async () => {
    const long = hold('long');
    const run = await api.runJob((await createJob('long')).id);
    await waitFor('Temporal to show the call', async () => {
      const { raw } = await stack.temporal.workflow.getHandle(`scheduler-run-${run.id}`).describe();
      return raw.pendingActivities?.some(
        ({ activityType, lastStartedTime }) => activityType?.name === 'awaitCall' && lastStartedTime,
      );
    });
    long.answer();
    const ended = await endOfRun(api, run.id);
    expect(ended).toMatchObject({ state: 'succeeded', attempts: [{ number: 1, statusCode: 200 }] });
    await waitFor('both activities', async () => (await activitiesOf(ended)).length === 2);
    expect(await activitiesOf(ended)).toEqual([LOCAL, 'awaitCall']);

    const failing = hold('failing');
    const job = await createJob('failing', { retry: { initialInterval: '1s', maxAttempts: 2 } });
    const other = await api.runJob(job.id);
    for (const number of [1, 2]) {
      await waitFor('a call', () => callsTo('failing').length === number);
      await sleep(2_500);
      failing.held.splice(0).forEach((response) => response.writeHead(503).end());
    }
    expect(await endOfRun(api, other.id)).toMatchObject({
      state: 'failed',
      attempts: [{ number: 1 }, { number: 2 }],
    });
    expect([callsTo('long').length, callsTo('failing').length]).toEqual([1, 2]);
  },
);

test.concurrent.each([
  ['has just started', 0],
  ['takes longer', 2_500],
])('cancelling a run aborts a call that %s', async (_, waitMs) => {
  const name = `broken-off-${waitMs}`;
  const { held } = hold(name);
  const run = await api.runJob((await createJob(name)).id);
  await waitFor('the call', () => held.length === 1);
  await sleep(waitMs);
  await cancel(run.id);
  expect(await endOfRun(api, run.id, 30_000)).toMatchObject({
    state: 'cancelled',
    reason: 'the run was cancelled',
    attempts: [{ number: 1, outcome: 'cancelled' }],
  });
  expect(held[0]?.destroyed).toBe(true);
  expect(callsTo(name)).toHaveLength(1);
});

test.concurrent('a call whose workflow was terminated is aborted', async () => {
  const { held } = hold('terminated');
  const run = await api.runJob((await createJob('terminated')).id);
  await waitFor('the call', () => held.length === 1);
  await stack.temporal.workflow.getHandle(`scheduler-run-${run.id}`).terminate('by an operator');
  await waitFor('the call to be aborted', () => held[0]?.destroyed, 30_000);
  expect(await endOfRun(api, run.id, 60_000)).toMatchObject({
    state: 'cancelled',
    reason: 'the run was terminated: by an operator',
    reasonCode: 'terminated',
  });
  expect(callsTo('terminated')).toHaveLength(1);
});

test.concurrent(
  'a run that is cancelled when its first call ends gets the state of the call, or cancelled if it would be retried',
  async () => {
    const good = hold('good');
    const first = await api.runJob((await createJob('good')).id);
    await waitFor('the call', () => good.held.length === 1);
    await cancel(first.id);
    good.answer();
    expect(await endOfRun(api, first.id)).toMatchObject({ state: 'succeeded', attempts: [{ number: 1 }] });

    const bad = hold('bad');
    const job = await createJob('bad', { retry: { initialInterval: '1m', maxAttempts: 5 } });
    const second = await api.runJob(job.id);
    await waitFor('the call', () => bad.held.length === 1);
    await cancel(second.id);
    bad.held[0]?.writeHead(503).end();
    expect(await endOfRun(api, second.id, 30_000)).toMatchObject({
      state: 'cancelled',
      reason: 'the run was cancelled',
      attempts: [{ number: 1, statusCode: 503 }],
    });
    expect([callsTo('good').length, callsTo('bad').length]).toEqual([1, 1]);
  },
);

/** Starts a run of a new job and waits for its call, which is answered by `answer`. */
async function beginCall(name: string) {
  const { held, answer } = hold(name);
  const run = await api.runJob((await createJob(name)).id);
  await waitFor('the call', () => held.length === 1);
  return { name, held, answer, run };
}

/** Starts two calls: one that has outlasted its local activity, and one that has just started. */
async function beginCalls(prefix: string) {
  const longer = await beginCall(`${prefix}-longer`);
  await sleep(2_500);
  return [longer, await beginCall(`${prefix}-just-begun`)];
}

// These tests stop the worker, which the others need, so they come last.

test('a worker that stops finishes its calls, just started or longer', async () => {
  const calls = await beginCalls('stopped');
  const stop = worker.stop();
  await sleep(4_000);
  for (const { answer } of calls) answer();
  await stop;
  worker = await stack.startWorker();
  for (const { name, run } of calls) {
    const ended = await endOfRun(api, run.id, 30_000);
    expect(ended).toMatchObject({ state: 'succeeded', attempts: [{ number: 1 }] });
    expect(callsTo(name)).toHaveLength(1);
    await waitFor('both activities', async () => (await activitiesOf(ended)).length === 2);
    expect(await activitiesOf(ended)).toEqual([LOCAL, 'awaitCall']);
  }
});

test('another worker repeats the calls of a killed worker, just started or longer, with the same key', async () => {
  const calls = await beginCalls('killed');
  await worker.stop('SIGKILL');
  worker = await stack.startWorker();
  for (const { name, held, answer, run } of calls) {
    await waitFor('the call of another worker', () => held.length === 2, 60_000);
    answer();
    expect(await endOfRun(api, run.id)).toMatchObject({
      state: 'succeeded',
      attempts: [
        { number: 1, outcome: 'lost' },
        { number: 1, outcome: 'succeeded' },
      ],
    });
    expect(callsTo(name).map(({ headers }) => headers['idempotency-key'])).toEqual([run.id, run.id]);
  }
});

test('a call that could not be recorded is kept by Temporal, and recorded by another worker', async () => {
  const direct = new URL(stack.databaseUrl);
  const proxy = await startProxy(Number(direct.port));
  direct.port = String(proxy.port);
  await worker.stop();
  worker = await stack.startWorker({ DATABASE_URL: direct.href });
  stack.receiver.respond('/unrecorded', (_, response) => {
    proxy.cut();
    response.end('ok');
  });
  const run = await api.runJob((await createJob('unrecorded')).id);
  await waitFor('Temporal to keep the call', async () => {
    const activities = await activitiesOf({ ...run, temporal: { ...run.temporal, runId: null } });
    return activities.includes(LOCAL) && activities.includes('runHttpTarget');
  });
  expect(await api.getRun(run.id)).toMatchObject({ state: 'running', attempts: [] });
  await worker.stop('SIGKILL');
  worker = await stack.startWorker();
  expect(await endOfRun(api, run.id, 60_000)).toMatchObject({
    state: 'succeeded',
    attempts: [{ number: 1, statusCode: 200 }],
  });
  expect(callsTo('unrecorded')).toHaveLength(1);
  await proxy.stop();
});
