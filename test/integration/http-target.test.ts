import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import type { Problem } from '../../api/rest/problem.ts';
import { apiClient, httpTargetOf, request } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let api: ReturnType<typeof apiClient>;
let url: string;

beforeAll(async () => {
  stack = await createStack('http-target');
  const [service] = await Promise.all([stack.startApi(), stack.startWorker()]);
  url = service.url;
  api = apiClient(url);
});
afterAll(() => stack.stop());

const never = { at: '2090-01-01T00:00:00Z' };
const target = (path: string, more: object = {}) => ({
  type: 'http',
  url: stack.receiver.url + path,
  ...more,
});
const quick = { initialInterval: '100ms', maxInterval: '100ms' };
const runOnce = async (name: string, to: object, more: object = {}) => {
  const job = await api.createJob({ name, schedule: never, target: to, retry: quick, ...more });
  return { job, run: await endOfRun(api, (await api.runJob(job.id)).id) };
};
const answering = (path: string, ...answers: [number, Record<string, string>?][]) => {
  let index = 0;
  stack.receiver.respond(path, (_, response) => {
    const [status, headers] = answers[Math.min(index++, answers.length - 1)] as (typeof answers)[0];
    response.writeHead(status, headers).end(`answer ${index}`);
  });
};
const keyOf = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;

describe('a call', () => {
  test('gets its placeholders replaced, in the body and in the URL', async () => {
    const body = {
      run: '{{runId}}',
      of: ['{{jobId}}'],
      at: '{{scheduledAt}}',
      n: '{{attempt}}',
      as: '\\{{is}}',
    };
    const to = target('/filled/{{runId}}?at={{scheduledAt}}&n={{attempt}}', { body });
    const { job, run } = await runOnce('filled', to);
    const path = `/filled/${run.id}?at=${encodeURIComponent(run.scheduledAt)}&n=1`;
    const [call] = stack.receiver.callsTo(path);
    expect(JSON.parse(call?.body ?? '')).toEqual({
      run: run.id,
      of: [job.id],
      at: run.scheduledAt,
      n: '1',
      as: '{{is}}',
    });
    expect((await api.getJob(job.id)).target).toMatchObject({ body, url: to.url });
  });

  test('is signed as Standard Webhooks specifies, with both keys during a rotation', async () => {
    answering('/signed', [500], [500], [200]);
    const signing = { secret: keyOf(1), previousSecret: keyOf(2) };
    const { job, run } = await runOnce(
      'signed',
      target('/signed', { body: { Ünï: 'cödé {{attempt}}' }, signing }),
    );
    const calls = stack.receiver.callsTo('/signed');
    expect(calls.map((call): unknown => JSON.parse(call.body))).toEqual(
      [1, 2, 3].map((n) => ({ Ünï: `cödé ${n}` })),
    );
    for (const call of calls) {
      const headers = call.headers as Record<string, string>;
      expect(headers).toMatchObject({ 'webhook-id': run.id, 'idempotency-key': run.id });
      for (const secret of [keyOf(1), keyOf(2)])
        expect(new Webhook(secret).verify(call.body, headers)).toEqual(JSON.parse(call.body));
      expect(() => new Webhook(keyOf(3)).verify(call.body, headers)).toThrow(/No matching signature/);
      expect(() => new Webhook(keyOf(1)).verify(`${call.body} `, headers)).toThrow(/No matching signature/);
    }
    // The old key is dropped; the new one is kept without being sent again.
    await api.patchJob(job.id, { target: { signing: { previousSecret: null } } });
    const again = await endOfRun(api, (await api.runJob(job.id)).id);
    const last = stack.receiver.callsTo('/signed').at(-1);
    expect(last?.headers['webhook-id']).toBe(again.id);
    const headers = last?.headers as Record<string, string>;
    new Webhook(keyOf(1)).verify(last?.body ?? '', headers);
    expect(() => new Webhook(keyOf(2)).verify(last?.body ?? '', headers)).toThrow();
  });

  test('is signed without a body too, and is not signed without a secret', async () => {
    await runOnce('signed get', target('/get', { method: 'GET', signing: { secret: keyOf(1) } }));
    const [get] = stack.receiver.callsTo('/get');
    new Webhook(keyOf(1)).verify('', get?.headers as Record<string, string>, { jsonParse: false });
    await runOnce('unsigned', target('/unsigned'));
    const [unsigned] = stack.receiver.callsTo('/unsigned');
    expect(unsigned?.headers).toMatchObject({ 'webhook-timestamp': expect.stringMatching(/^\d{10}$/) });
    expect(unsigned?.headers).not.toHaveProperty('webhook-signature');
  });

  test('belongs to the trace of its run, with one span per attempt', async () => {
    answering('/traced', [500], [200]);
    const { run } = await runOnce('traced', target('/traced'));
    const parents = stack.receiver.callsTo('/traced').map((call) => String(call.headers['traceparent']));
    for (const parent of parents)
      expect(parent).toMatch(new RegExp(`^00-${run.id.replaceAll('-', '')}-[0-9a-f]{16}-01$`));
    expect(new Set(parents).size).toBe(2);
  });

  test('carries custom headers, secret ones included', async () => {
    const headers = { Accept: 'text/plain', Authorization: { secret: 'Bearer tok-123456' } };
    const { job } = await runOnce('secret header', target('/headers', { headers }));
    expect(stack.receiver.callsTo('/headers')[0]?.headers).toMatchObject({
      accept: 'text/plain',
      authorization: 'Bearer tok-123456',
    });
    expect(httpTargetOf(job).headers).toEqual({ Accept: 'text/plain', Authorization: { secret: true } });
  });
});

describe('a binary body', () => {
  const bytes = Buffer.from([0x89, 0x50, 0, 0xff, 0xfe, 0x7b, 0x7b, 0x0a]);
  const bodyBase64 = bytes.toString('base64');

  test('is sent and signed unchanged', async () => {
    const to = target('/bytes', { bodyBase64, signing: { secret: keyOf(3) } });
    const { job, run } = await runOnce('bytes', to);
    expect(run.state).toBe('succeeded');
    expect(httpTargetOf(job)).toMatchObject({ bodyBase64, signing: { secret: true } });
    const [call] = stack.receiver.callsTo('/bytes');
    expect(call?.bytes).toEqual(bytes);
    const headers = call?.headers as Record<string, string>;
    expect(headers['content-type']).toBe('application/octet-stream');
    const signed = createHmac('sha256', Buffer.alloc(32, 3))
      .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`)
      .update(bytes)
      .digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${signed}`);
  });

  test('replaces another body by a patch, and is in the revision', async () => {
    const job = await api.createJob({
      name: 'other body',
      schedule: never,
      target: target('/other', { body: { a: 1 } }),
    });
    const both = await request<Problem>(`${url}/jobs/${job.id}`, 'PATCH', { target: { bodyBase64 } });
    expect(both).toMatchObject({ status: 422, body: { errors: [{ path: 'target.bodyBase64' }] } });
    const patched = await api.patchJob(job.id, { target: { body: null, bodyBase64 } });
    expect(httpTargetOf(patched)).toMatchObject({ bodyBase64 });
    expect(httpTargetOf(patched).body).toBeUndefined();
    const [revision] = (await api.listRevisions(job.id)).items;
    expect(revision?.changes).toMatchObject({
      target: { before: { body: { a: 1 } }, after: { bodyBase64 } },
    });
    const wrong = await request<Problem>(`${url}/jobs/${job.id}`, 'PATCH', { target: { bodyBase64: 'AA' } });
    expect(wrong).toMatchObject({ status: 422, body: { errors: [{ path: 'target.bodyBase64' }] } });
  });

  test('can replace the default body of a hook', async () => {
    answering('/failing', [400]);
    const onFailure = { target: target('/hook-bytes', { bodyBase64 }) };
    const schedule = { every: '1s', maxRuns: 1 };
    await api.createJob({ name: 'hook of bytes', schedule, target: target('/failing'), onFailure });
    await waitFor('the hook', () => stack.receiver.callsTo('/hook-bytes').length === 1);
    expect(stack.receiver.callsTo('/hook-bytes')[0]?.bytes).toEqual(bytes);
  });
});

test('HEAD and OPTIONS are called without a body', async () => {
  for (const method of ['HEAD', 'OPTIONS']) {
    const { run } = await runOnce(method, target(`/${method}`, { method }));
    expect(run).toMatchObject({ state: 'succeeded', attempts: [{ statusCode: 200 }] });
    expect(stack.receiver.callsTo(`/${method}`)).toMatchObject([{ method, body: '' }]);
  }
});

test('a string that holds JSON causes a warning in every answer with the job, except lists', async () => {
  const paths = (job: { warnings?: { path: string }[] | undefined }) => job.warnings?.map(({ path }) => path);
  const name = 'json as text';
  const job = await api.createJob({ name, schedule: never, target: target('/text', { body: '{"a":1}' }) });
  expect(paths(job)).toEqual(['target.body']);
  expect(paths(await api.getJob(job.id))).toEqual(['target.body']);
  const onFailure = { target: target('/text', { body: '[{{attempt}}]' }) };
  expect(paths(await api.patchJob(job.id, { onFailure }))).toEqual(['target.body', 'onFailure.target.body']);
  const typed = { target: { headers: { 'content-type': 'application/json' } }, onFailure: null };
  expect(paths(await api.patchJob(job.id, typed))).toEqual([]);
  const { items } = await api.listJobs(`?name=${encodeURIComponent(name)}`);
  expect(items.map(paths)).toEqual([undefined]);
});

describe('an answer', () => {
  test('is a success if its status is in successStatus', async () => {
    answering('/teapot', [418]);
    const { run } = await runOnce('teapot', target('/teapot', { successStatus: [200, '410-420'] }));
    expect(run).toMatchObject({ state: 'succeeded', attempts: [{ outcome: 'succeeded', statusCode: 418 }] });
  });

  test('is retried if its status is in retryStatus, and only then', async () => {
    answering('/conflict', [409], [409], [200]);
    const { run } = await runOnce('conflict', target('/conflict'), {
      retry: { ...quick, retryStatus: [409] },
    });
    expect(run.attempts.map(({ statusCode }) => statusCode)).toEqual([409, 409, 200]);
    answering('/not-for-me', [500], [200]);
    const none = await runOnce('final 500', target('/not-for-me'), { retry: { ...quick, retryStatus: [] } });
    expect(none.run).toMatchObject({ state: 'failed', attempts: [{ statusCode: 500, retryAt: null }] });
  });

  test.each([429, 503])('%i with Retry-After delays the next attempt', async (status) => {
    answering(`/patience-${status}`, [status, { 'retry-after': '2' }], [200]);
    const { run } = await runOnce(`patience ${status}`, target(`/patience-${status}`));
    const [first, second] = stack.receiver.callsTo(`/patience-${status}`);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(2_000);
    const [failed, succeeded] = run.attempts;
    expect(Date.parse(failed?.retryAt ?? '') - Date.parse(failed?.endedAt ?? '')).toBe(2_000);
    expect(succeeded).toMatchObject({ outcome: 'succeeded', retryAt: null });
    expect(failed?.durationMs).toBe(Date.parse(failed?.endedAt ?? '') - Date.parse(failed?.startedAt ?? ''));
  });

  test('410 pauses the job, whatever triggered the run', async () => {
    answering('/gone', [410]);
    const { job, run } = await runOnce('gone', target('/gone'));
    expect(run).toMatchObject({ state: 'failed', reason: 'the target answered 410' });
    expect(run.attempts).toHaveLength(1);
    const paused = await waitFor('the pause', async () => {
      const found = await api.getJob(job.id);
      return found.state === 'paused' && found.sync.state === 'synced' ? found : undefined;
    });
    expect(paused.pause).toMatchObject({ by: 'status 410', reason: expect.stringMatching(/gone for good/) });
    expect((await api.listRevisions(job.id)).items[0]).toMatchObject({ action: 'paused', by: 'status 410' });
  });

  test('410 from a URL that the job no longer has does not pause it', async () => {
    let answer: () => void = () => undefined;
    stack.receiver.respond('/moved-away', (_, response) => {
      answer = () => response.writeHead(410).end();
    });
    const job = await api.createJob({ name: 'moved', schedule: never, target: target('/moved-away') });
    const { id } = await api.runJob(job.id);
    await waitFor('the call', () => stack.receiver.callsTo('/moved-away').length === 1);
    await api.patchJob(job.id, { target: { url: `${stack.receiver.url}/moved-here` } });
    answer();
    expect(await endOfRun(api, id)).toMatchObject({ state: 'failed' });
    expect(await api.getJob(job.id)).toMatchObject({ state: 'active', pause: null });
  });

  test('410 is evaluated against the current job, even if it changes at the same moment', async () => {
    let answer: () => void = () => undefined;
    stack.receiver.respond('/moving', (_, response) => {
      answer = () => response.writeHead(410).end();
    });
    const job = await api.createJob({ name: 'moving', schedule: never, target: target('/moving') });
    const { id } = await api.runJob(job.id);
    await waitFor('the call', () => stack.receiver.callsTo('/moving').length === 1);
    const client = await stack.db.connect();
    try {
      await client.query('BEGIN');
      await client.query(
        "UPDATE jobs SET target = replace(target::text, '/moving', '/moved')::json WHERE id = $1",
        [job.id],
      );
      answer();
      await waitFor('the worker to wait for the change', async () => {
        const { rows } = await stack.db.query(
          "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        );
        return rows.length > 0;
      });
      await client.query('COMMIT');
    } finally {
      client.release();
    }
    expect(await endOfRun(api, id)).toMatchObject({ state: 'failed' });
    expect(await api.getJob(job.id)).toMatchObject({ state: 'active', pause: null, sync: { generation: 1 } });
  });
});

describe('a redirect', () => {
  test('is followed if followRedirects is set, up to five times', async () => {
    answering('/from', [307, { location: '/over?there' }]);
    const body = { some: 'thing' };
    const { run } = await runOnce('redirected', target('/from', { body, followRedirects: true }));
    expect(run).toMatchObject({ state: 'succeeded', attempts: [{ statusCode: 200 }] });
    expect(stack.receiver.callsTo('/over?there')[0]).toMatchObject({
      method: 'POST',
      body: JSON.stringify(body),
    });
    answering('/round', [302, { location: '/round' }]);
    const round = await runOnce(
      'too many redirects',
      target('/round', { method: 'GET', followRedirects: true }),
    );
    expect(round.run).toMatchObject({ state: 'failed', reason: 'the target redirected more than 5 times' });
    expect(stack.receiver.callsTo('/round')).toHaveLength(6);
  });

  test.each(['ftp://x.example/', 'https://user:planted@x.example/', 'http://x.example:25/'])(
    'to %s is not followed, and not repeated in the reason',
    async (location) => {
      answering('/astray', [307, { location }]);
      const name = `astray ${location}`;
      const { run } = await runOnce(name, target('/astray', { followRedirects: true }));
      expect(run).toMatchObject({
        state: 'failed',
        reason: expect.stringMatching(/^the target redirects to where no call may go: /),
      });
      expect(run.reason).not.toMatch(/planted|x\.example/);
    },
  );

  test('to a forbidden address is not followed', async () => {
    answering('/to-metadata', [307, { location: 'http://169.254.169.254/latest/meta-data/' }]);
    const { run } = await runOnce('to metadata', target('/to-metadata', { followRedirects: true }));
    expect(run).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/169\.254\.169\.254 is not public/),
    });
    expect(run.attempts).toHaveLength(1);
  });

  test('that would turn a POST into a GET fails the run without a retry, unless it is allowed', async () => {
    answering('/moved', [301, { location: '/new-place' }]);
    const body = { order: 7 };
    const lost = await runOnce('lost post', target('/moved', { body, followRedirects: true }));
    expect(lost.run).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/answered 301 to a POST, and following that would make it a GET/),
      attempts: [{ outcome: 'failed', statusCode: 301, retryAt: null }],
    });
    expect(stack.receiver.callsTo('/new-place')).toHaveLength(0);
    answering('/moved', [302, { location: '/new-place' }]);
    const allowed = await runOnce('allowed', target('/moved', { body, followRedirects: 'asGet' }));
    expect(allowed.run).toMatchObject({ state: 'succeeded', attempts: [{ statusCode: 200 }] });
    expect(httpTargetOf(allowed.job).followRedirects).toBe('asGet');
    expect(stack.receiver.callsTo('/new-place')).toMatchObject([{ method: 'GET', body: '' }]);
  });

  test('that would turn a POST into a GET is retried if its status is in retryStatus', async () => {
    answering('/moving-on', [302, { location: '/new-place' }], [200]);
    const { run } = await runOnce('moving on', target('/moving-on', { followRedirects: true }), {
      retry: { ...quick, retryStatus: [302] },
    });
    expect(run.attempts.map(({ statusCode }) => statusCode)).toEqual([302, 200]);
  });
});
