import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { apiClient, httpTargetOf, request } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { fromRunner } from '../support/environment.ts';
import { createStack, SECRET_KEYS, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let api: ReturnType<typeof apiClient>;
let url: string;
let worker: Awaited<ReturnType<Stack['startWorker']>>;
/** All answers of the API. */
const answers: string[] = [];

const never = { at: '2090-01-01T00:00:00Z' };
const TOKEN = 'Bearer planted-1f0c9b7e6a';
const SIGNING_KEY = `whsec_${Buffer.from('planted-2d8e5f4c3b-and-more').toString('base64')}`;
const PREVIOUS_KEY = `whsec_${Buffer.from('planted-7a6b5c4d3e-and-more').toString('base64')}`;
/** The secrets without their prefixes, and in the encodings that a payload would have. */
const PLANTED = [TOKEN, SIGNING_KEY, PREVIOUS_KEY].flatMap((secret) => {
  const bare = secret.replace(/^(Bearer |whsec_)/, '');
  return [
    bare,
    Buffer.from(bare).toString('base64').slice(0, 24),
    Buffer.from(secret).toString('base64').slice(0, 24),
  ];
});
const findPlanted = (text: string) => PLANTED.filter((secret) => text.includes(secret));

beforeAll(async () => {
  stack = await createStack('secrets');
  const [service] = await Promise.all([
    stack.startApi({ LOG_LEVEL: 'trace' }),
    stack.startWorker({ LOG_LEVEL: 'trace' }).then((started) => (worker = started)),
  ]);
  url = service.url;
  api = apiClient(url);
});
afterAll(() => stack.stop());

async function ask<Body>(method: string, where: string, body?: unknown) {
  const answer = await request<Body>(`${url}${where}`, method, body);
  answers.push(JSON.stringify(answer.body ?? null), JSON.stringify([...answer.headers]));
  return answer;
}

test('a planted secret is in no log, no answer, no row and not in Temporal', async () => {
  // The worst target: it returns everything that it gets, and fails once, so that its answer is logged.
  let calls = 0;
  stack.receiver.respond('/echo', (call, response) => {
    response.writeHead(++calls === 1 ? 500 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...call.headers, again: call.headers['authorization']?.slice(7) }));
  });
  const definition = {
    name: 'with secrets',
    schedule: { every: '1s', maxRuns: 1 },
    target: {
      type: 'http',
      url: `${stack.receiver.url}/echo`,
      headers: { Authorization: { secret: TOKEN } },
      signing: { secret: SIGNING_KEY, previousSecret: PREVIOUS_KEY },
    },
    retry: { initialInterval: '100ms' },
  };
  const { body: job, status } = await ask<{ id: string }>('POST', '/jobs', definition);
  expect(status).toBe(201);
  // Refusals must not repeat it either.
  expect(await ask('POST', '/jobs', { ...definition, nme: 1 })).toMatchObject({ status: 422 });
  expect(await ask('POST', '/jobs', definition)).toMatchObject({ status: 409 });
  const misplaced = {
    ...definition.target,
    headers: { 'X-A': { secret: TOKEN, more: 1 } },
    signing: { secret: TOKEN },
  };
  expect(await ask('POST', '/jobs', { ...definition, target: misplaced })).toMatchObject({ status: 422 });
  expect(await ask('PUT', `/jobs/${job.id}`, { ...definition, description: 'changed' })).toMatchObject({
    status: 200,
  });
  const run = await waitFor('the run', async () =>
    (await api.allRuns(job.id)).find((found) => found.endedAt),
  );
  expect(run).toMatchObject({ state: 'succeeded' });
  // The target got the secrets, so the search below can find them.
  expect(findPlanted(JSON.stringify(stack.receiver.callsTo('/echo')))).not.toEqual([]);
  expect(run.attempts[0]?.responseExcerpt).toMatch(/"authorization":"\[secret\]"/);

  for (const where of ['', `/${job.id}`, `/${job.id}/runs`, `/${job.id}/revisions`])
    await ask('GET', `/jobs${where}`);
  await ask('GET', `/runs/${run.id}`);
  await ask('PATCH', `/jobs/${job.id}`, { labels: { a: 'b' } });
  await ask('POST', `/jobs/${job.id}/run`);
  expect(answers.flatMap(findPlanted)).toEqual([]);

  const { events } = await stack.temporal.workflow.getHandle(run.temporal.workflowId).fetchHistory();
  expect(events?.length).toBeGreaterThan(5);
  const shown = JSON.stringify(events, (_key, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value,
  );
  expect(shown).toContain(job.id);
  expect(findPlanted(shown)).toEqual([]);
  const { raw } = await stack.temporal.schedule
    .getHandle(`scheduler-job-${job.id}`)
    .describe()
    .catch(() => ({ raw: {} }));
  expect(findPlanted(JSON.stringify(raw))).toEqual([]);

  const { rows: tables } = await stack.db.query<{ table_name: string }>(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
  );
  for (const { table_name: table } of tables) {
    const { rows } = await stack.db.query(`SELECT * FROM "${table}"`);
    expect([table, findPlanted(JSON.stringify(rows))]).toEqual([table, []]);
  }
  const logs = readdirSync(fromRunner('folder')).filter((file) => /^secrets-.*\.log$/.test(file));
  expect(logs).toHaveLength(2);
  for (const file of [...logs, 'temporal.log', 'postgres.log'])
    expect([file, findPlanted(readFileSync(path.join(fromRunner('folder'), file), 'utf8'))]).toEqual([
      file,
      [],
    ]);
});

const receivedBy = (where: string) => stack.receiver.callsTo(where).at(-1)?.headers as Record<string, string>;
const runOf = async (jobId: string) => endOfRun(api, (await api.runJob(jobId)).id);

test('a PATCH keeps secrets that it omits or sets to true, and a PUT without them removes them', async () => {
  const headers = { 'X-Token': { secret: 'token-1' }, Accept: '*/*' };
  const target = {
    type: 'http',
    url: `${stack.receiver.url}/kept`,
    headers,
    signing: { secret: SIGNING_KEY },
  };
  const job = await api.createJob({ name: 'kept', schedule: never, target });
  const expectCall = async (token: string | undefined, key: string | undefined) => {
    await runOf(job.id);
    const received = receivedBy('/kept');
    expect(received['x-token']).toBe(token);
    if (key === undefined) expect(received).not.toHaveProperty('webhook-signature');
    else new Webhook(key).verify('', received);
  };
  await expectCall('token-1', SIGNING_KEY);

  const patched = await api.patchJob(job.id, {
    description: 'x',
    target: { headers: { 'X-Token': { secret: 'token-2' } } },
  });
  expect(httpTargetOf(patched).headers).toEqual({ 'X-Token': { secret: true }, Accept: '*/*' });
  expect((await api.listRevisions(job.id)).items[0]?.changes).toEqual({
    description: { before: '', after: 'x' },
    'target.headers["X-Token"].secret': { after: 'a new secret' },
  });
  await expectCall('token-2', SIGNING_KEY);

  // An answer can be sent back, and changes nothing.
  const { generation } = patched.sync;
  const definition = { name: 'kept', schedule: never, description: 'x', target: patched.target };
  expect((await api.putJob(job.id, definition)).sync.generation).toBe(generation);
  await expectCall('token-2', SIGNING_KEY);

  await api.putJob(job.id, { ...definition, target: { ...patched.target, signing: undefined } });
  await expectCall('token-2', undefined);
  expect((await stack.db.query('SELECT field FROM job_secrets WHERE job_id = $1', [job.id])).rows).toEqual([
    { field: 'headers.x-token' },
  ]);
});

test('the revision that turns a header into a secret does not show it', async () => {
  const target = { type: 'http', url: `${stack.receiver.url}/plain`, headers: { 'X-Token': 'plain-token' } };
  const job = await api.createJob({ name: 'plain', schedule: never, target });
  await api.patchJob(job.id, { target: { headers: { 'X-Token': { secret: 'plain-token' } } } });
  const { items } = await api.listRevisions(job.id);
  expect(items[0]).toMatchObject({ generation: 2, changes: { target: { before: {}, after: {} } } });
  expect(JSON.stringify(items)).not.toContain('plain-token');
});

test('an old target that would be refused today is kept by a patch of other fields', async () => {
  const target = { type: 'http', url: stack.receiver.url };
  const job = await api.createJob({ name: 'older', schedule: never, target });
  const older = JSON.stringify({ ...job.target, body: '{{template}}', headers: { traceparent: 'x' } });
  await stack.db.query('UPDATE jobs SET target = $1 WHERE id = $2', [older, job.id]);
  expect(await api.patchJob(job.id, { description: 'new' })).toMatchObject({
    target: { body: '{{template}}' },
  });
  const patched = await request(`${url}/jobs/${job.id}`, 'PATCH', { target: { timeout: '5s' } });
  expect(patched.status).toBe(422);
  await runOf(job.id);
  const call = stack.receiver.callsTo('/').at(-1);
  expect(call).toMatchObject({
    body: '{{template}}',
    headers: { traceparent: expect.stringMatching(/^00-/) },
  });
});

test('a job that an older version stored in a rolling upgrade is checked by the usual rules', async () => {
  const job = await api.createJob({
    name: 'rolling',
    schedule: never,
    target: { type: 'http', url: stack.receiver.url },
  });
  await stack.db.query(
    `UPDATE jobs SET target = (target::jsonb - 'successStatus' - 'followRedirects')::json,
                     retry = (retry::jsonb - 'retryStatus' - 'respectRetryAfter')::json WHERE id = $1`,
    [job.id],
  );
  expect(await runOf(job.id)).toMatchObject({ state: 'succeeded', attempts: [{ statusCode: 200 }] });
});

test('a secret of true is refused if there is none to keep', async () => {
  const target = { type: 'http', url: stack.receiver.url, signing: { secret: true } };
  expect(await ask('POST', '/jobs', { name: 'nothing to keep', schedule: never, target })).toMatchObject({
    status: 422,
    body: { errors: [{ path: 'target.signing.secret', code: 'no_secret' }] },
  });
  expect((await api.listJobs('?name=nothing%20to%20keep')).items).toEqual([]);
});

test('without SECRET_KEYS, jobs with secrets are refused, and others accepted', async () => {
  const keyless = await stack.startApi({ SECRET_KEYS: '' });
  const target = { type: 'http', url: stack.receiver.url };
  const post = (name: string, more: object) =>
    request(`${keyless.url}/jobs`, 'POST', { name, schedule: never, target: { ...target, ...more } });
  expect(await post('no key', { signing: { secret: SIGNING_KEY } })).toMatchObject({
    status: 422,
    body: {
      errors: [
        { path: 'target.signing.secret', code: 'no_key', message: expect.stringMatching(/SECRET_KEYS/) },
      ],
    },
  });
  expect(await post('no secret', {})).toMatchObject({ status: 201 });
  await keyless.stop();
});

test('keys can be rotated: the new one encrypts, secrets are encrypted again, and the old one can be removed', async () => {
  const headers = { 'X-Token': { secret: 'token-rotated' } };
  const target = { type: 'http', url: `${stack.receiver.url}/rotated`, headers };
  const job = await api.createJob({ name: 'rotated', schedule: never, target, retry: { maxAttempts: 1 } });
  const newKey = `next:${Buffer.alloc(32, 'n').toString('base64')}`;
  await worker.stop();

  // A worker without the key says so, and makes no call.
  worker = await stack.startWorker({ SECRET_KEYS: newKey });
  const failed = await runOf(job.id);
  expect(failed.reason).toBe(
    'the secret headers.x-token was encrypted with the key "test", which is not among SECRET_KEYS',
  );
  expect(stack.receiver.callsTo('/rotated')).toHaveLength(0);
  await worker.stop();

  worker = await stack.startWorker({ SECRET_KEYS: `${newKey},${SECRET_KEYS}`, SWEEP_INTERVAL_SECONDS: '1' });
  await waitFor('all secrets under the new key', async () => {
    const { rows } = await stack.db.query<{ key_id: string }>('SELECT DISTINCT key_id FROM job_secrets');
    return rows.length === 1 && rows[0]?.key_id === 'next';
  });
  await worker.stop();
  worker = await stack.startWorker({ SECRET_KEYS: newKey, SWEEP_INTERVAL_SECONDS: '1' });
  expect(await runOf(job.id)).toMatchObject({ state: 'succeeded' });
  expect(receivedBy('/rotated')['x-token']).toBe('token-rotated');

  await api.deleteJob(job.id);
  await waitFor('the secrets of the deleted job to be removed', async () => {
    const { rowCount } = await stack.db.query('SELECT FROM job_secrets WHERE job_id = $1', [job.id]);
    return rowCount === 0;
  });
});
