import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Run } from '../../domain/run/run.ts';
import { startLogged, stopProcess, type LoggedProcess } from '../../local/processes.ts';
import { apiClient } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { fromRunner } from '../support/environment.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let api: ReturnType<typeof apiClient>;
let worker: ServiceProcess;
let odd: LoggedProcess;

beforeAll(async () => {
  stack = await createStack('timeouts');
  const [service, started] = await Promise.all([stack.startApi(), stack.startWorker()]);
  worker = started;
  api = apiClient(service.url);
  odd = startLogged(process.execPath, ['--import', 'tsx', 'test/support/odd-worker.ts'], {
    env: {
      PATH: process.env['PATH'],
      TEMPORAL_ADDRESS: fromRunner('temporalAddress'),
      TEMPORAL_NAMESPACE: 'timeouts',
      TASK_QUEUE: 'odd',
    },
    logFile: `${fromRunner('folder')}/timeouts-odd.log`,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
});
afterAll(async () => {
  await stopProcess(odd, 'SIGTERM', 20_000);
  await stack.stop();
});

const never = { cron: '0 0 1 1 *' };
const target = (path: string, more: object = {}) => ({
  type: 'http',
  url: stack.receiver.url + path,
  ...more,
});
const answer = (path: string, status: number, headers: Record<string, string> = {}) =>
  stack.receiver.respond(path, (_, response) => response.writeHead(status, headers).end());
const hang = (path: string) => stack.receiver.respond(path, () => undefined);

/** Creates a job that never fires and runs it. Resolves with the ended run, and the time that it took by the clock of the test. */
async function run(job: object): Promise<{ run: Run; tookMs: number }> {
  const { id } = await api.createJob({ schedule: never, ...job });
  const askedAt = Date.now();
  const ended = await endOfRun(api, (await api.runJob(id)).id);
  return { run: ended, tookMs: Date.now() - askedAt };
}

describe('a wait beyond the timeout ends the run at once', () => {
  const TOO_LATE = /later, would come after the timeout of the run, 1m$/;

  test.concurrent.each([
    ['for the retry interval', 503, {}, { initialInterval: '2m', maxInterval: '1h' }],
    ['for Retry-After', 429, { 'retry-after': '300' }, { initialInterval: '1s' }],
  ])('%s', async (name, status, headers, retry) => {
    const path = `/${encodeURIComponent(name)}`;
    answer(path, status, headers);
    const { run: ended } = await run({ name, target: target(path), timeout: '1m', retry });
    expect(ended).toMatchObject({
      state: 'timedOut',
      reasonCode: 'nextAttemptTooLate',
      attempts: [{ outcome: 'failed', retryAt: null }],
    });
    expect(ended.reason).toMatch(TOO_LATE);
    expect(ended.endedAt).toBe(ended.attempts[0]?.endedAt);
  });

  test.concurrent('for the retry of a workflow or activity', async () => {
    const { run: ended } = await run({
      name: 'own',
      target: { type: 'activity', activityType: 'failAlways', taskQueue: 'odd' },
      timeout: '1m',
      retry: { initialInterval: '2m' },
    });
    expect(ended).toMatchObject({
      state: 'timedOut',
      reasonCode: 'nextAttemptTooLate',
      attempts: [{ outcome: 'failed', retryAt: null }],
    });
    expect(ended.reason).toMatch(TOO_LATE);
  });

  test.concurrent('for the permit of a rate limit', async () => {
    const job = await api.createJob({
      name: 'limited',
      schedule: never,
      target: target('/limited'),
      timeout: '1m',
      policy: { rateLimit: { max: 1, per: '1h' } },
    });
    const first = await api.runJob(job.id);
    expect(await endOfRun(api, first.id)).toMatchObject({ state: 'succeeded' });
    const second = await endOfRun(api, (await api.runJob(job.id)).id);
    expect(second).toMatchObject({ state: 'timedOut', reasonCode: 'permitTooLate', attempts: [] });
    expect(second.reason).toMatch(
      /^waits for a permit: at most 1 attempts of this job in 1h; that, .* later, would come after the timeout/,
    );
  });

  test.concurrent('and calls the hook and counts as a failure', async () => {
    answer('/hooked', 503);
    const { id } = await api.createJob({
      name: 'hooked',
      schedule: { at: [new Date(Date.now() + 6_000).toISOString()] },
      target: target('/hooked'),
      timeout: '1m',
      retry: { initialInterval: '2m' },
      policy: { pauseAfterFailures: 1 },
      onFailure: { target: target('/hook') },
    });
    await waitFor('the call of the hook', () => stack.receiver.callsTo('/hook').length > 0);
    const job = await api.getJob(id);
    expect(job).toMatchObject({ state: 'paused', status: { consecutiveFailures: 1 } });
  });
});

describe('at the timeout', () => {
  const TOOK = 'it took longer than its timeout of 2s';
  const BROKEN_OFF = 'timed out: it had not ended within the timeout of the run, 2s';

  test.concurrent('an in-flight call is aborted, and its attempt is timedOut', async () => {
    hang('/hangs');
    const { run: ended } = await run({
      name: 'hangs',
      target: target('/hangs', { timeout: '5m' }),
      timeout: '2s',
    });
    expect(ended).toMatchObject({
      state: 'timedOut',
      reason: TOOK,
      attempts: [{ outcome: 'timedOut', statusCode: null, error: BROKEN_OFF, retryAt: null }],
    });
    expect(Date.parse(ended.endedAt ?? '') - Date.parse(ended.startedAt ?? '')).toBeLessThan(10_000);
  });

  test.concurrent.each(['workflow', 'activity'])('a delegated attempt is cancelled: %s', async (kind) => {
    const own =
      kind === 'workflow'
        ? { type: 'workflow', workflowType: 'endless' }
        : { type: 'activity', activityType: 'sleepLong', timeout: '5m' };
    const { run: ended } = await run({ name: kind, target: { ...own, taskQueue: 'odd' }, timeout: '2s' });
    expect(ended).toMatchObject({
      state: 'timedOut',
      reason: TOOK,
      attempts: [{ outcome: 'timedOut', error: BROKEN_OFF, retryAt: null }],
    });
    if (kind === 'activity') return;
    const child = stack.temporal.workflow.getHandle(`scheduler-target-${ended.id}-1`);
    await waitFor(
      'the child workflow to be cancelled',
      async () => (await child.describe()).status.name === 'CANCELLED',
    );
  });

  test.concurrent('a run that waits for a permit ends, and leaves the queue', async () => {
    hang('/holds');
    const limits = { concurrencyKey: 'one', maxConcurrent: 1 };
    const holder = await api.createJob({
      name: 'holds',
      schedule: never,
      target: target('/holds', { timeout: '10m' }),
      policy: limits,
    });
    await api.runJob(holder.id);
    await waitFor('its call', () => stack.receiver.callsTo('/holds').length === 1);
    const { run: ended } = await run({
      name: 'waits',
      target: target('/waits'),
      timeout: '2s',
      policy: limits,
    });
    expect(ended).toMatchObject({
      state: 'timedOut',
      reason: TOOK,
      reasonCode: 'timeoutReached',
      attempts: [],
    });
    const { rows } = await stack.db.query('SELECT FROM permits WHERE run_id = $1 AND released_at IS NULL', [
      ended.id,
    ]);
    expect(rows).toEqual([]);
  });
});

test.concurrent('waiting in the buffer of Temporal does not count for the timeout', async () => {
  stack.receiver.respond('/slow', (_, response) => void setTimeout(() => response.end('ok'), 2_500));
  const job = await api.createJob({
    name: 'buffered',
    schedule: { every: '1s', maxRuns: 3 },
    target: target('/slow'),
    timeout: '5s',
    policy: { overlap: 'bufferAll' },
  });
  const runs = await waitFor('three runs', async () => {
    const ended = (await api.allRuns(job.id)).filter(({ endedAt }) => endedAt !== null);
    return ended.length === 3 ? ended : undefined;
  });
  expect(runs.map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded']);
});

test.concurrent('a run that Temporal lost and that is started again keeps its deadline', async () => {
  hang('/lost');
  const job = await api.createJob({
    name: 'lost',
    schedule: never,
    target: target('/lost', { timeout: '10m' }),
    timeout: '20s',
  });
  const { id } = await api.runJob(job.id);
  await waitFor('its call', () => stack.receiver.callsTo('/lost').length === 1);
  await stack.temporal.workflowService.deleteWorkflowExecution({
    namespace: 'timeouts',
    workflowExecution: { workflowId: `scheduler-run-${id}` },
  });
  // The worker still records the end of the lost attempt. The restarted run must not record one before that.
  await waitFor('the record of the aborted call', async () => (await api.getRun(id)).attempts.length === 1);
  await stack.db.query('UPDATE runs SET check_at = now() WHERE id = $1', [id]);
  const ended = await endOfRun(api, id);
  expect(ended.state).toBe('timedOut');
  const tookMs = Date.parse(ended.endedAt ?? '') - Date.parse(ended.startedAt ?? '');
  expect(tookMs).toBeLessThan(28_000);
});

// The last tests, because the others need the worker.

test('a run that is too late when a worker begins it has no attempt, not even a lost one', async () => {
  await worker.stop();
  const job = await api.createJob({
    name: 'late',
    schedule: never,
    target: target('/late'),
    timeout: '1s',
  });
  const { id } = await api.runJob(job.id);
  const until = Date.now() + 1_500;
  await waitFor('the timeout to be over', () => Date.now() > until);
  worker = await stack.startWorker();
  expect(await endOfRun(api, id)).toMatchObject({
    state: 'timedOut',
    reasonCode: 'timeoutReached',
    attempts: [],
  });
  expect(stack.receiver.callsTo('/late')).toEqual([]);
});

test('a run whose worker was killed ends at its timeout, even if the job has a longer one by then', async () => {
  hang('/killed');
  const job = await api.createJob({
    name: 'killed',
    schedule: never,
    target: target('/killed', { timeout: '10m' }),
    timeout: '2s',
  });
  const { id } = await api.runJob(job.id);
  await waitFor('its call', () => stack.receiver.callsTo('/killed').length === 1);
  await worker.stop('SIGKILL');
  await api.patchJob(job.id, { timeout: '1h' });
  worker = await stack.startWorker();
  const ended = await endOfRun(api, id);
  expect(ended).toMatchObject({
    ...{ state: 'timedOut', reason: 'it took longer than its timeout of 2s' },
    attempts: [{ number: 1, outcome: 'lost', retryAt: null }],
  });
  expect(stack.receiver.callsTo('/killed')).toHaveLength(1);
});
