import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Run } from '../../domain/run/run.ts';
import { startLogged, stopProcess, type LoggedProcess } from '../../local/processes.ts';
import { apiClient, request } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { fromRunner } from '../support/environment.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

const NAME = 'user-targets';
let stack: Stack;
let service: ServiceProcess;
let worker: ServiceProcess;
let api: ReturnType<typeof apiClient>;
let reportFile: string;
const examples: LoggedProcess[] = [];
const waitingRuns: Record<string, string> = {};

beforeAll(async () => {
  stack = await createStack(NAME);
  reportFile = path.join(fromRunner('folder'), 'reports.log');
  writeFileSync(reportFile, '');
  [service, worker] = await Promise.all([stack.startApi(), stack.startWorker()]);
  api = apiClient(service.url);
  // They wait during the first test.
  for (const [kind, target] of [
    ['workflow', workflowTarget({ taskQueue: 'nobody-workflow', args: reportOf('late') })],
    ['activity', activityTarget({ taskQueue: 'nobody-activity', args: reportOf('late') })],
  ] as const) {
    const job = await api.createJob({ name: `nobody for ${kind}`, schedule: never, target });
    waitingRuns[kind] = (await api.runJob(job.id)).id;
  }
});
afterAll(async () => {
  await Promise.all(examples.map((example) => stopProcess(example, 'SIGTERM', 20_000)));
  await stack.stop();
});

/** Starts a worker of a user from its source: that of examples/, as its README says, or another `script`. */
async function startExample(taskQueue: string, script = 'examples/temporal-worker/worker.ts') {
  let isUp = () => {};
  const up = new Promise<void>((resolve) => (isUp = resolve));
  const example = startLogged(process.execPath, ['--import', 'tsx', script], {
    env: {
      PATH: process.env['PATH'],
      TEMPORAL_ADDRESS: fromRunner('temporalAddress'),
      TEMPORAL_NAMESPACE: NAME,
      TASK_QUEUE: taskQueue,
      REPORTS_FILE: reportFile,
    },
    logFile: path.join(fromRunner('folder'), `${NAME}-example.log`),
    onLine: (line) => void (line.startsWith('polls') && isUp()),
  });
  examples.push(example);
  await Promise.race([
    up,
    example.exited.then(({ lastOutput }) => Promise.reject(new Error(`the example ended: ${lastOutput}`))),
  ]);
  return example;
}

const never = { at: '2090-01-01T00:00:00Z' };
const reportOf = (report: string) => [{ report, due: '{{scheduledAt}}', run: '{{runId}}' }];
const workflowTarget = (more: object = {}) => ({
  type: 'workflow',
  workflowType: 'weeklyReport',
  taskQueue: 'reports',
  ...more,
});
const activityTarget = (more: object = {}) => ({
  type: 'activity',
  activityType: 'sendReport',
  taskQueue: 'reports',
  ...more,
});
const endOf = (id: string) => endOfRun(api, id, 100_000);

const sentReports = () =>
  readFileSync(reportFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { report: string; due: string; run: string });

test('a workflow and an activity of the example run every few seconds, each occurrence once, although each worker is killed with -9', async () => {
  const example = await startExample('reports');
  const quick = { initialInterval: '1s', maxInterval: '1s', maxAttempts: 20 };
  const jobs = [
    await api.createJob({
      name: 'by workflow',
      schedule: { every: '3s' },
      policy: { overlap: 'allowAll' },
      target: workflowTarget({ args: reportOf('workflow'), timeout: '2m' }),
    }),
    await api.createJob({
      name: 'by activity',
      schedule: { every: '3s' },
      policy: { overlap: 'allowAll' },
      target: activityTarget({ args: reportOf('activity'), timeout: '5s', heartbeatTimeout: '5s' }),
      retry: quick,
    }),
  ];
  const succeeded = async (jobId: string) =>
    (await api.allRuns(jobId)).filter(({ state }) => state === 'succeeded').length;
  const bothHave = (count: number) =>
    waitFor(
      `${count} runs of both`,
      async () => (await Promise.all(jobs.map(({ id }) => succeeded(id)))).every((found) => found >= count),
      100_000,
    );
  /** Waits until a run of the workflow is in progress. */
  const inTheMiddle = () =>
    waitFor(
      'a running run',
      async () => (await api.listRuns(jobs[0]?.id ?? '', '?state=running')).items.length,
    );
  await bothHave(2);
  await inTheMiddle();
  await stopProcess(example, 'SIGKILL', 1_000);
  await startExample('reports');
  await bothHave(4);
  await inTheMiddle();
  await worker.stop('SIGKILL');
  worker = await stack.startWorker();
  await bothHave(7);
  for (const { id } of jobs) await api.pauseJob(id);

  for (const { id, name } of jobs) {
    const runs = await waitFor('all runs to end', async () => {
      const all = await api.allRuns(id);
      return all.every(({ endedAt }) => endedAt !== null) ? all : undefined;
    });
    const started = runs.filter(({ state }) => state !== 'skipped');
    expect(started.filter(({ state }) => state !== 'succeeded')).toEqual([]);
    // Each occurrence has one run, and each run that started has sent its report. On a busy machine one may overlap the next.
    const ofOne = runs.filter(({ occurrences }) => occurrences === null);
    for (const { state, reasonCode } of ofOne)
      if (state === 'skipped') expect(['overlap', 'pausedBeforeStart']).toContain(reasonCode);
    const due = ofOne.map(({ scheduledAt }) => Date.parse(scheduledAt)).sort((a, b) => a - b);
    expect(due).toEqual(due.map((_, index) => (due[0] as number) + index * 3_000));
    const sent = sentReports().filter(({ report }) => name === `by ${report}`);
    expect(new Set(sent.map(({ run }) => run))).toEqual(new Set(started.map((run) => run.id)));
    for (const { run, due: said } of sent)
      expect(started.find((one) => one.id === run)?.scheduledAt).toBe(said);
  }
  const [run] = (await api.allRuns(jobs[0]?.id ?? '')).filter(({ state }) => state === 'succeeded') as [Run];
  expect(run.attempts).toMatchObject([
    {
      number: 1,
      outcome: 'succeeded',
      statusCode: null,
      responseExcerpt: `"workflow of ${run.scheduledAt}"`,
    },
  ]);
  // The list of workflows finds it by its job.
  await waitFor('the child in the list of workflows', async () => {
    const found: string[] = [];
    const query = 'JobName = "by workflow" AND WorkflowType = "weeklyReport"';
    for await (const { workflowId } of stack.temporal.workflow.list({ query })) found.push(workflowId);
    return found.includes(`scheduler-target-${run.id}-1`);
  });
}, 240_000);

describe('without a worker', () => {
  test.each(['workflow', 'activity'])(
    'a run with a %s target says so, and continues once there is one',
    async (kind) => {
      const id = waitingRuns[kind] ?? '';
      const waiting = await waitFor('the reason', async () => {
        const run = await api.getRun(id);
        return run.reason === null ? undefined : run;
      });
      expect(waiting.state).toBe('running');
      expect(waiting.reasonCode).toBe('waitsForWorker');
      expect(waiting.reason).toMatch(/^no worker on task queue "nobody-.*" for \d+ (seconds|minutes)$/);
      const example = await startExample(`nobody-${kind}`);
      expect(await endOf(id)).toMatchObject({ state: 'succeeded', reason: null });
      await stopProcess(example, 'SIGTERM', 20_000);
    },
  );

  test('a run can be cancelled, and ends at the timeout of its job', async () => {
    const target = activityTarget({ taskQueue: 'nobody-2' });
    const cancelled = await api.createJob({ name: 'to cancel', schedule: never, target });
    const { id } = await api.runJob(cancelled.id);
    await waitFor('its start', async () => (await api.getRun(id)).state === 'running');
    await request(`${service.url}/runs/${id}/cancel`, 'POST');
    expect(await endOf(id)).toMatchObject({ state: 'cancelled', reason: 'the run was cancelled' });
    const late = await api.createJob({ name: 'to time out', schedule: never, target, timeout: '3s' });
    const run = await endOf((await api.runJob(late.id)).id);
    expect(run).toMatchObject({ state: 'timedOut', reason: 'it took longer than its timeout of 3s' });
  });
});

describe('a workflow or activity of a user that', () => {
  beforeAll(() => startExample('odd', 'test/support/odd-worker.ts'));

  const run = async (name: string, target: object, more: object = {}) => {
    const job = await api.createJob({
      name,
      schedule: never,
      target: { taskQueue: 'odd', ...target },
      ...more,
    });
    return (await api.runJob(job.id)).id;
  };
  const workflow = (workflowType: string, more: object = {}) => ({ type: 'workflow', workflowType, ...more });
  const activity = (activityType: string, more: object = {}) => ({ type: 'activity', activityType, ...more });
  const retry = { maxAttempts: 3, initialInterval: '100ms' };

  const outcomes: [string, object, string, string | null, number][] = [
    ['fails', activity('failAlways'), 'failed', 'the activity failed: as always', 3],
    [
      'fails twice',
      activity('failTwice', { args: ['{{attempt}}', '{{fencingToken}}'] }),
      'succeeded',
      null,
      3,
    ],
    ['fails for good', activity('failForGood'), 'failed', 'the activity failed: never again', 1],
    [
      'takes too long',
      activity('sleepLong', { timeout: '1s' }),
      'failed',
      'the activity did not end within 1 s',
      3,
    ],
    [
      'sends no heartbeats',
      activity('sleepLong', { timeout: '1m', heartbeatTimeout: '1s' }),
      'failed',
      'the activity sent no heartbeat for 1 s',
      3,
    ],
    ['fails as a workflow', workflow('failing'), 'failed', 'the workflow failed: no luck', 3],
    ['fails as a workflow for good', workflow('failingForGood'), 'failed', 'the workflow failed: no use', 1],
    [
      'takes too long as a workflow',
      workflow('endless', { timeout: '1s' }),
      'failed',
      'the workflow did not end within 1 s',
      3,
    ],
    ['returns a value in an unknown encoding', activity('answerStrangely'), 'succeeded', null, 1],
    [
      'fails with details in an unknown encoding',
      activity('failStrangely'),
      'failed',
      'the activity failed: strange',
      1,
    ],
    ['returns a large value', activity('answerMuch'), 'succeeded', null, 1],
  ];
  const runs: Record<string, string> = {};
  beforeAll(async () => {
    // All at the same time, because many of them wait for a timeout.
    await Promise.all(
      outcomes.map(async ([name, target]) => (runs[name] = await run(name, target, { retry }))),
    );
  });
  test.each(outcomes)('%s', async (name, _target, state, reason, attempts) => {
    const ended = await endOf(runs[name] ?? '');
    expect([ended.state, ended.reason, ended.attempts.length]).toEqual([state, reason, attempts]);
    expect(ended.attempts.at(-1)?.responseExcerpt?.length ?? 0).toBeLessThanOrEqual(1_024);
  });

  test('is terminated or cancelled in Temporal ends its run', async () => {
    const handleOf = (id: string) => stack.temporal.workflow.getHandle(`scheduler-target-${id}-1`);
    const terminated = await run('terminated', workflow('endless'), { retry });
    await waitFor('its workflow', () => handleOf(terminated).describe());
    await handleOf(terminated).terminate('enough');
    const end = await endOf(terminated);
    expect([end.state, end.reason]).toEqual(['failed', 'its workflow was terminated in Temporal']);
    const cancelled = await run('cancelled in Temporal', workflow('endless'), { retry });
    await waitFor('its workflow', () => handleOf(cancelled).describe());
    await handleOf(cancelled).cancel();
    const other = await endOf(cancelled);
    expect([other.state, other.reason]).toEqual(['cancelled', 'its workflow was cancelled in Temporal']);
  });

  test('is cancelled with its run, and has time to clean up', async () => {
    const id = await run('cleans up', workflow('cleaningUp', { args: [reportFile, '{{runId}}'] }));
    const handle = stack.temporal.workflow.getHandle(`scheduler-target-${id}-1`);
    await waitFor('its workflow', async () => (await handle.describe()).historyLength > 4);
    await request(`${service.url}/runs/${id}/cancel`, 'POST');
    const end = await endOf(id);
    expect(end).toMatchObject({ state: 'cancelled', attempts: [{ number: 1, outcome: 'cancelled' }] });
    expect((await handle.describe()).status.name).toBe('CANCELLED');
    expect(sentReports().filter(({ report, run }) => report === 'cleaned up' && run === id)).toHaveLength(1);
  });
});

describe('an invalid target:', () => {
  test.each<[string, object, string]>([
    ['the scheduler’s own task queue', workflowTarget({ taskQueue: 'scheduler' }), 'target.taskQueue'],
    [
      'the task queue of the reconciler',
      activityTarget({ taskQueue: 'scheduler-reconciler' }),
      'target.taskQueue',
    ],
    ['the task queue of one worker', activityTarget({ taskQueue: 'scheduler-calls-1' }), 'target.taskQueue'],
    ['a task queue of Temporal', workflowTarget({ taskQueue: 'temporal-sys-per-ns-tq' }), 'target.taskQueue'],
    ['no task queue', { type: 'workflow', workflowType: 'w' }, 'target.taskQueue'],
    ['an unknown placeholder', workflowTarget({ args: ['{{user}}'] }), 'target.args'],
    ['args that are not a list', workflowTarget({ args: {} }), 'target.args'],
    ['a timeout of 0 s', activityTarget({ timeout: '0s' }), 'target.timeout'],
    ['a field of another target type', workflowTarget({ url: 'https://example.com/' }), 'target.url'],
  ])('%s is refused', async (_, target, where) => {
    const answer = await request<{ errors: { path: string }[] }>(`${service.url}/jobs`, 'POST', {
      name: 'refused',
      schedule: never,
      target,
    });
    expect([answer.status, answer.body.errors.map((error) => error.path)]).toEqual([422, [where]]);
  });

  test('is refused in a change as well', async () => {
    const job = await api.createJob({ name: 'to change', schedule: never, target: workflowTarget() });
    const patch = { target: { taskQueue: 'scheduler' } };
    expect((await request(`${service.url}/jobs/${job.id}`, 'PATCH', patch)).status).toBe(422);
    expect((await api.getJob(job.id)).target).toMatchObject({ taskQueue: 'reports' });
  });

  test('of a job that is older than the rule is not called', async () => {
    const job = await api.createJob({ name: 'older', schedule: never, target: workflowTarget() });
    await stack.db.query(`UPDATE jobs SET target = $1 WHERE id = $2`, [
      JSON.stringify({ ...workflowTarget({ taskQueue: 'scheduler' }), args: [] }),
      job.id,
    ]);
    const end = await endOf((await api.runJob(job.id)).id);
    expect(end.state).toBe('failed');
    expect(end.reason).toMatch(/belongs to the scheduler itself/);
  });
});
