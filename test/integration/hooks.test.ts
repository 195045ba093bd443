import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { apiClient, request } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let service: ServiceProcess;
let worker: ServiceProcess;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('hooks');
  [service, worker] = await Promise.all([stack.startApi(), stack.startWorker()]);
  api = apiClient(service.url);
});
afterAll(() => stack.stop());

const SECRET = `whsec_${Buffer.alloc(32, 'h').toString('base64')}`;
const hookTo = (path: string, more: object = {}) => ({
  target: { type: 'http', url: stack.receiver.url + path, signing: { secret: SECRET }, ...more },
});

/** Makes a path answer 500 while `fails` is set. */
function flaky(path: string) {
  const flag = { fails: true };
  stack.receiver.respond(path, (_, response) => {
    response.statusCode = flag.fails ? 500 : 200;
    response.end('as told');
  });
  return flag;
}

const failedRuns = async (jobId: string) =>
  (await api.listRuns(jobId, '?trigger=schedule&state=failed')).items.length;
const callsOf = (path: string) => stack.receiver.callsTo(path);

describe('onFailure and onRecovery', () => {
  test('four failures with after: 3, then a success: one signed call of each hook, although the worker dies in between', async () => {
    const flag = flaky('/job');
    const job = await api.createJob({
      name: 'often fails',
      labels: { team: 'billing' },
      schedule: { every: '2s' },
      target: { type: 'http', url: `${stack.receiver.url}/job` },
      retry: { maxAttempts: 1 },
      onFailure: { after: 3, ...hookTo('/failing') },
      onRecovery: hookTo('/recovered'),
    });
    expect(job.onFailure).toMatchObject({ after: 3, target: { signing: { secret: true } } });
    await waitFor('two failures', async () => (await failedRuns(job.id)) >= 2);
    expect(callsOf('/failing')).toHaveLength(0);
    // No worker is there when the call of the hook is due.
    await waitFor('a third failure', async () => {
      const { status } = await api.getJob(job.id);
      return status.consecutiveFailures >= 3;
    });
    await worker.stop('SIGKILL');
    worker = await stack.startWorker();
    await waitFor('a fourth failure', async () => (await failedRuns(job.id)) >= 4);
    await waitFor('the failure call', () => callsOf('/failing').length > 0);
    flag.fails = false;
    await waitFor('the recovery call', () => callsOf('/recovered').length > 0);
    await waitFor('three more successes', async () => {
      const { items } = await api.listRuns(job.id, '?trigger=schedule&state=succeeded');
      return items.length >= 4;
    });
    await api.pauseJob(job.id);

    const [failing, ...furtherFailing] = callsOf('/failing');
    const [recovered, ...furtherRecovered] = callsOf('/recovered');
    expect(furtherRecovered).toEqual([]);
    // The worker may have died between the answer and its record: then the same call is repeated.
    for (const { headers } of furtherFailing)
      expect(headers['webhook-id']).toBe(failing?.headers['webhook-id']);
    expect((await api.listRuns(job.id, '?trigger=onFailure')).items).toHaveLength(1);
    for (const call of [failing, recovered])
      new Webhook(SECRET).verify(call?.body ?? '', call?.headers as Record<string, string>);
    expect(JSON.parse(failing?.body ?? '')).toEqual({
      event: 'job.failing',
      job: { id: job.id, name: 'often fails', namespace: 'default', labels: { team: 'billing' } },
      run: {
        id: expect.any(String),
        scheduledAt: expect.any(String),
        state: 'failed',
        reason: 'the target answered 500',
      },
      consecutiveFailures: 3,
    });
    const { event, run, consecutiveFailures } = JSON.parse(recovered?.body ?? '') as {
      event: string;
      run: { id: string; state: string; reason: null };
      consecutiveFailures: number;
    };
    expect([event, run.state, run.reason]).toEqual(['job.recovered', 'succeeded', null]);
    expect(consecutiveFailures).toBeGreaterThanOrEqual(4);

    // Each call of a hook has its own run with the outcome. It is not the last run of the job.
    const { items } = await api.listRuns(job.id, '?trigger=onRecovery');
    expect(items).toMatchObject([
      { state: 'succeeded', cause: { runId: run.id, state: 'succeeded' }, attempts: [{ statusCode: 200 }] },
    ]);
    expect(recovered?.headers['webhook-id']).toBe(items[0]?.id);
    expect((await api.getJob(job.id)).status).toMatchObject({
      lastRun: { state: 'succeeded' },
      consecutiveFailures: 0,
    });
  });

  test('a hook that fails is retried, and its body can be set with placeholders', async () => {
    flaky('/job-2');
    let answers = 0;
    stack.receiver.respond('/slack', (_, response) => {
      response.statusCode = ++answers < 3 ? 500 : 200;
      response.end();
    });
    const job = await api.createJob({
      name: 'fails "quoted"',
      schedule: { every: '2s', maxRuns: 3 },
      target: { type: 'http', url: `${stack.receiver.url}/job-2` },
      retry: { maxAttempts: 1 },
      policy: { pauseAfterFailures: 1 },
      onFailure: {
        retry: { initialInterval: '100ms' },
        target: {
          type: 'http',
          url: `${stack.receiver.url}/slack`,
          body: { text: '{{jobName}} failed {{consecutiveFailures}} times: {{reason}} ({{causeRunId}})' },
        },
      },
    });
    const [run] = await waitFor('the call to succeed', async () => {
      const { items } = await api.listRuns(job.id, '?trigger=onFailure');
      return items.some(({ state }) => state === 'succeeded') ? items : undefined;
    });
    expect(run?.attempts.map(({ statusCode }) => statusCode)).toEqual([500, 500, 200]);
    const bodies = callsOf('/slack').map(({ body }) => body);
    expect(new Set(bodies).size).toBe(1);
    expect(JSON.parse(bodies[0] ?? '')).toEqual({
      text: `fails "quoted" failed 1 times: the target answered 500 (${run?.cause?.runId})`,
    });
    expect(new Set(callsOf('/slack').map(({ headers }) => headers['webhook-id']))).toEqual(
      new Set([run?.id]),
    );
    // It was called although the same failure paused the job.
    expect((await api.getJob(job.id)).state).toBe('paused');
    // A retry by hand calls the hook again, and not the target of the job.
    const repeated = await request<{ id: string }>(`${service.url}/runs/${run?.id}/retry`, 'POST');
    const again = await endOfRun(api, repeated.body.id);
    expect(again).toMatchObject({
      trigger: 'onFailure',
      retryOf: run?.id,
      cause: run?.cause,
      state: 'succeeded',
    });
    expect(callsOf('/slack')).toHaveLength(4);
    expect(callsOf('/job-2')).toHaveLength(1);
  });

  test('secrets of hooks are kept like those of the target: with `true`, through a PATCH, and never shown', async () => {
    const job = await api.createJob({
      name: 'secret hook',
      schedule: { at: '2090-01-01T00:00:00Z' },
      target: { type: 'http', url: `${stack.receiver.url}/secret` },
      onFailure: hookTo('/x', { headers: { Authorization: { secret: 'Bearer hook-secret' } } }),
    });
    const fields = async () => {
      const { rows } = await stack.db.query<{ field: string }>(
        'SELECT field FROM job_secrets WHERE job_id = $1 ORDER BY field',
        [job.id],
      );
      return rows.map(({ field }) => field);
    };
    expect(await fields()).toEqual(['onFailure.headers.authorization', 'onFailure.signing.secret']);
    const patched = await api.patchJob(job.id, { onFailure: { after: 5 }, onRecovery: hookTo('/y') });
    expect(patched.onFailure).toMatchObject({
      after: 5,
      target: { headers: { Authorization: { secret: true } }, signing: { secret: true } },
    });
    expect(await fields()).toEqual([
      'onFailure.headers.authorization',
      'onFailure.signing.secret',
      'onRecovery.signing.secret',
    ]);
    const { items } = await api.listRevisions(job.id);
    expect(JSON.stringify(items)).not.toMatch(/hook-secret|whsec/);
    await api.patchJob(job.id, { onFailure: null });
    expect(await fields()).toEqual(['onRecovery.signing.secret']);
  });

  test('of a run that the database has lost make no call', async () => {
    const job = await api.createJob({
      name: 'lost',
      schedule: { cron: '0 0 1 1 *' },
      target: { type: 'http', url: `${stack.receiver.url}/lost` },
      onFailure: hookTo('/lost-hook'),
    });
    const runId = randomUUID();
    const handle = await stack.temporal.workflow.start('runJob', {
      workflowId: `scheduler-run-${runId}`,
      taskQueue: 'scheduler',
      args: [
        { jobId: job.id, generation: 1, trigger: 'onFailure', runId, scheduledAt: new Date().toISOString() },
      ],
    });
    expect(await handle.result()).toMatchObject({ state: 'skipped' });
    expect(await api.allRuns(job.id)).toEqual([]);
    expect(callsOf('/lost-hook')).toEqual([]);
  });

  const to = (more: object = {}) => ({ target: { type: 'http', url: 'https://example.com/', ...more } });
  test.each<[string, object, string]>([
    [
      'a target that is not HTTP',
      { onFailure: { target: { type: 'workflow', url: 'https://example.com/' } } },
      'onFailure.target.type',
    ],
    ['an unknown placeholder', { onFailure: to({ body: '{{user}}' }) }, 'onFailure.target.body'],
    ['after: 0', { onFailure: { after: 0, ...to() } }, 'onFailure.after'],
    ['after for onRecovery', { onRecovery: { after: 1, ...to() } }, 'onRecovery.after'],
  ])('%s is refused', async (_, more, path) => {
    const answer = await request<{ errors: { path: string }[] }>(`${service.url}/jobs`, 'POST', {
      name: 'refused',
      schedule: { every: '1h' },
      target: { type: 'http', url: 'https://example.com/' },
      ...more,
    });
    expect([answer.status, answer.body.errors.map((error) => error.path)]).toEqual([422, [path]]);
  });
});
