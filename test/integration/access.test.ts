import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createOpenApiDocument } from '../../api/rest/openapi.ts';
import type { Problem } from '../../api/rest/problem.ts';
import { operations } from '../../api/routes/index.ts';
import { Scope } from '../../domain/access.ts';
import type { ApiKey } from '../../domain/api-key.ts';
import type { Job } from '../../domain/job/job.ts';
import type { Run } from '../../domain/run/run.ts';
import { apiClient, bearer, request } from '../support/client.ts';
import { followRuns } from '../support/follow-runs.ts';
import { API_KEY_PEPPER, makeKey, runKeys } from '../support/keys.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

interface OperationObject {
  operationId: string;
  security?: Record<string, string[]>[];
  requestBody?: { content: Record<string, { examples: Record<string, { value: unknown }> }> };
}

const document = JSON.parse(JSON.stringify(createOpenApiDocument(operations, '0'))) as {
  paths: Record<string, Record<string, OperationObject>>;
};
/** Every operation that needs a scope, with a body that it takes. */
/** What operations need to be asked for. */
const QUERIES: Record<string, string> = { streamRuns: '?jobId={id}', listDaysOfCalendar: '?year=2030' };

const guarded = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).flatMap(([method, { security = [], requestBody, operationId }]) => {
    const scope = security[0] && Object.values(security[0])[0]?.[0];
    if (scope === undefined) return [];
    const [type, content] = Object.entries(requestBody?.content ?? {})[0] ?? [];
    const examples = Object.entries(content?.examples ?? {});
    const body = examples[0]?.[1].value;
    // Filtered by the job: an unknown job is then answered with 404 at once.
    const query = QUERIES[operationId] ?? '';
    return [
      {
        operationId,
        method: method.toUpperCase(),
        path: path + query,
        scope: Scope.parse(scope),
        type,
        body,
        examples,
      },
    ];
  }),
);

const definition = (name: string) => ({
  name,
  schedule: { at: '2090-01-01T00:00:00Z' },
  target: { type: 'http', url: 'https://example.com/' },
});

let stack: Stack;
let services: [ServiceProcess, ServiceProcess];
let url: string;
let admin: string;
/** Of a namespace that is not that of the jobs, with all scopes but admin. */
let stranger: string;
let job: Job;
let run: Run;
let apiKey: ApiKey;

beforeAll(async () => {
  stack = await createStack('access');
  // One example asks for runs of a fixed day, which the retention must cover.
  const startApi = () => stack.startApi({ API_KEY_PEPPER, RUN_RETENTION_DAYS: '36500' });
  services = await Promise.all([startApi(), startApi()]);
  ({ url } = services[0]);
  admin = await makeKey(stack, 'root', 'admin');
  stranger = await makeKey(
    stack,
    'stranger',
    Scope.options.filter((scope) => scope !== 'admin').join(','),
    'other',
  );
  const api = apiClient(url, admin);
  job = await api.createJob(definition('victim'));
  run = await api.runJob(job.id);
  await request(`${url}/calendars`, 'POST', { name: 'victim' }, bearer(admin));
  apiKey = (
    await request<ApiKey>(`${url}/api-keys`, 'POST', { name: 'reader', scopes: ['jobs:read'] }, bearer(admin))
  ).body;
});
afterAll(() => stack.stop());

/** As an admin does, and faster than with the command. */
async function makeKeyByApi(name: string, scopes: Scope[]): Promise<string> {
  const { body } = await request<{ key: string }>(`${url}/api-keys`, 'POST', { name, scopes }, bearer(admin));
  return body.key;
}

/** Sends the example of an operation, for the job, calendar, run or key of this test. */
function send({ method, path, type, body }: (typeof guarded)[number], credential?: string) {
  const id = path.startsWith('/runs/{id}') ? run.id : path.startsWith('/api-keys') ? apiKey.id : job.id;
  return request<Problem & { items?: unknown[]; namespace?: string }>(
    url + path.replace('{id}', id).replace('{name}', 'victim'),
    method,
    body,
    {
      ...(type === undefined ? {} : { 'content-type': type }),
      ...(credential === undefined ? {} : bearer(credential)),
    },
  );
}

async function unchanged(): Promise<void> {
  const api = apiClient(url, admin);
  expect(await api.getJob(job.id)).toMatchObject({
    name: 'victim',
    state: 'active',
    sync: { generation: 1 },
  });
  const calendar = await request(`${url}/calendars/victim`, 'GET', undefined, bearer(admin));
  expect(calendar).toMatchObject({ status: 200, body: { generation: 1 } });
  expect((await api.listRuns(job.id)).items).toHaveLength(1);
  expect(await api.getRun(run.id)).toMatchObject({ state: 'queued', cancelRequestedAt: null });
  const { rows } = await stack.db.query<{ count: string }>(
    'SELECT count(*) FROM api_keys WHERE revoked_at IS NOT NULL',
  );
  expect(rows[0]?.count).toBe('0');
}

describe('every operation of the OpenAPI document', () => {
  test('needs a scope, except the probes and GET /access', () => {
    expect(guarded).toHaveLength(operations.length - 3);
  });

  test('GET /access names the owner of the credentials, and refuses bad ones', async () => {
    expect(await request(`${url}/access`, 'GET', undefined, bearer(stranger))).toMatchObject({
      status: 200,
      body: {
        caller: 'key:other/stranger',
        namespace: 'other',
        scopes: Scope.options.filter((scope) => scope !== 'admin'),
      },
    });
    expect(await request(`${url}/access`)).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
  });

  test.each(guarded)('$method $path is refused without credentials', async (operation) => {
    const answer = await send(operation);
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });

  test.each(guarded)('$method $path is refused for a key without its scope', async (operation) => {
    const others = Scope.options.filter((scope) => scope !== operation.scope && scope !== 'admin');
    const key = await makeKeyByApi(`all but one ${operation.operationId}`, others);
    const answer = await send(operation, key);
    expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect(answer.headers.get('www-authenticate')).toContain(`scope="${operation.scope}"`);
  });

  test.each(guarded)(
    '$method $path neither shows nor changes anything of another namespace',
    async (operation) => {
      const answer = await send(operation, stranger);
      if (operation.scope === 'admin') expect(answer.status).toBe(403);
      else if (/\{\w+\}/.test(operation.path))
        expect(answer).toMatchObject({ status: 404, body: { code: 'not_found' } });
      else if (operation.operationId === 'createJob')
        expect(answer).toMatchObject({ status: 201, body: { namespace: 'other' } });
      else if (operation.operationId === 'previewSchedule') expect(answer.status).toBe(200);
      else if (operation.method === 'GET') expect(JSON.stringify(answer.body.items)).not.toMatch('victim');
    },
  );

  test.each(guarded)(
    '$method $path with ?namespace= is refused for everybody but admins',
    async (operation) => {
      const path = `${operation.path}${operation.path.includes('?') ? '&' : '?'}namespace=default`;
      const answer = await send({ ...operation, path }, stranger);
      expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    },
  );

  test('changed nothing when it was refused', unchanged);
});

describe('keys', () => {
  test('are made by the command, which prints each once and prints nothing else', async () => {
    const { stdout, stderr } = await runKeys(
      stack,
      'create',
      '--name',
      'from the shell',
      '--scopes',
      'jobs:read',
    );
    expect(stdout).toMatch(/^sched_live_[0-9A-Za-z]{36}\n$/);
    expect(stderr).toContain('jobs:read');
    const listed = (await runKeys(stack, 'list')).stdout;
    expect(listed).toContain('"from the shell"');
    expect(listed).not.toContain(stdout.trim());
    const { rows } = await stack.db.query<{ row: string }>('SELECT api_keys::text AS row FROM api_keys');
    expect(rows.filter(({ row }) => row.includes(stdout.trim()))).toEqual([]);
  });

  test.each([
    [['create', '--name', 'x'], /scopes: is required/],
    [['create', '--name', 'x', '--scopes', 'jobs:rad'], /scopes\[0\]: must be "jobs:read" or/],
    [['create', '--name', 'root', '--scopes', 'admin'], /name: choose another name/],
    [['create', '--name', 'x', '--scopes', 'admin', '--expires', '2001-01-01T00:00:00Z'], /in the past/],
    [['create', '--name', 'x', '--scopes', 'admin', '--namespace', 'No Such'], /a namespace has/],
    [['create', '--nam', 'x'], /--nam[^]*npm run keys -- create/],
    [['revoke'], /npm run keys -- create/],
    [['revoke', randomUUID()], /no key with the id/],
  ])('the command refuses %j', async (args, words) => {
    await expect(runKeys(stack, ...args)).rejects.toMatchObject({
      stderr: expect.stringMatching(words),
      stdout: '',
    });
  });

  test('are managed by admins over the API', async () => {
    const input = {
      name: 'temporary',
      scopes: ['jobs:read', 'jobs:read'],
      expiresAt: '2090-01-01T00:00:00Z',
    };
    const made = await request<ApiKey & { key: string }>(`${url}/api-keys`, 'POST', input, bearer(admin));
    expect(made).toMatchObject({
      status: 201,
      body: { namespace: 'default', scopes: ['jobs:read'], createdBy: 'key:default/root', lastUsedAt: null },
    });
    const path = `${url}${made.headers.get('location') ?? ''}`;
    await apiClient(url, made.body.key).listJobs();
    const { key, ...shown } = made.body;
    const read = await waitFor('the use to be recorded', async () => {
      const { body } = await request<ApiKey>(path, 'GET', undefined, bearer(admin));
      return body.lastUsedAt === null ? undefined : body;
    });
    expect(read).toEqual({ ...shown, lastUsedAt: read.lastUsedAt });
    expect(JSON.stringify(read)).not.toContain(key);
    const again = await request<Problem>(`${url}/api-keys`, 'POST', input, bearer(admin));
    expect(again).toMatchObject({ status: 409, body: { code: 'name_taken' } });
    const page = await request<{ items: ApiKey[]; nextCursor: string }>(
      `${url}/api-keys?limit=1`,
      'GET',
      undefined,
      bearer(admin),
    );
    expect(page.body.items).toHaveLength(1);
    expect(page.headers.get('link')).toContain('rel="next"');
    for (const status of [200, 200])
      expect((await request(`${path}/revoke`, 'POST', undefined, bearer(admin))).status).toBe(status);
    const revoked = await request<ApiKey>(path, 'GET', undefined, bearer(admin));
    expect(revoked.body).toMatchObject({ revokedBy: 'key:default/root', revokedAt: expect.any(String) });
    expect((await request(`${url}/api-keys`, 'POST', input, bearer(admin))).status).toBe(201);
  });

  test('stop working within five seconds after they are revoked, in every process and on open streams', async () => {
    const key = await makeKeyByApi('to be revoked', ['runs:read', 'jobs:read']);
    const id =
      (await runKeys(stack, 'list')).stdout.split('\n').find((line) => line.includes('to be revoked')) ?? '';
    const followers = await Promise.all(
      services.map((service) => followRuns(`${service.url}/runs/stream`, '', bearer(key))),
    );
    await runKeys(stack, 'revoke', (JSON.parse(id) as ApiKey).id);
    const revokedAt = Date.now();
    await Promise.all([
      ...followers.map(({ ended }) => ended),
      ...services.map((service) =>
        waitFor(
          'the key to be refused',
          async () => (await request(`${service.url}/jobs`, 'GET', undefined, bearer(key))).status === 401,
        ),
      ),
    ]);
    expect(Date.now() - revokedAt).toBeLessThan(5_000);
    // And it stays refused.
    expect((await request(`${url}/jobs`, 'GET', undefined, bearer(key))).status).toBe(401);
  });

  test('expire', async () => {
    const key = await makeKeyByApi('about to expire', ['jobs:read']);
    await apiClient(url, key).listJobs();
    await stack.db.query(`UPDATE api_keys SET expires_at = now() WHERE name = 'about to expire'`);
    await waitFor(
      'the key to be refused',
      async () => (await request(`${url}/jobs`, 'GET', undefined, bearer(key))).status === 401,
    );
  });

  const wellFormed = 'sched_live_000000000000000000000000000000';
  test.each([
    ['no scheme', 'sched_live_x'],
    ['another scheme', 'Basic cm9vdDpyb290'],
    ['an empty credential', 'Bearer '],
    ['half a key', `Bearer ${wellFormed}`],
    ['a key with a wrong checksum', `Bearer ${wellFormed}000000`],
    ['a JWT', 'Bearer eyJhbGciOiJub25lIn0.e30.'],
    ['two credentials', `Bearer ${wellFormed}, Bearer ${wellFormed}`],
  ])('%s is refused, and not echoed', async (_, authorization) => {
    const answer = await request<Problem>(`${url}/jobs`, 'GET', undefined, { authorization });
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    expect(JSON.stringify(answer.body)).not.toMatch(/sched_live|cm9v|eyJ/);
  });

  test('a key with a wrong last character is refused', async () => {
    const last = admin.endsWith('a') ? 'b' : 'a';
    const answer = await request(`${url}/jobs`, 'GET', undefined, bearer(admin.slice(0, -1) + last));
    expect(answer.status).toBe(401);
  });

  test('do not exist without API_KEY_PEPPER, and the API says so', async () => {
    const { url: open, stop } = await stack.startApi();
    const answer = await request<Problem>(`${open}/api-keys`, 'POST', { name: 'x', scopes: ['admin'] });
    expect(answer).toMatchObject({ status: 409, body: { code: 'keys_off' } });
    await stop();
  });
});

describe('namespaces', () => {
  test('have names, idempotency keys and lists of their own', async () => {
    const own = { ...bearer(stranger), 'idempotency-key': 'the-same' };
    const theirs = await request<Job>(`${url}/jobs`, 'POST', definition('victim'), own);
    expect(theirs).toMatchObject({ status: 201, body: { namespace: 'other', name: 'victim' } });
    const ours = await request<Job>(`${url}/jobs`, 'POST', definition('another'), {
      ...bearer(admin),
      'idempotency-key': 'the-same',
    });
    expect(ours).toMatchObject({ status: 201, body: { namespace: 'default', name: 'another' } });
    const names = (await apiClient(url, stranger).listJobs()).items.map(({ name }) => name);
    expect(names).toContain('victim');
    expect(names).not.toContain('another');
    await apiClient(url, stranger).runJob(theirs.body.id);
    const runs = await request<{ items: Run[] }>(`${url}/runs`, 'GET', undefined, bearer(stranger));
    expect(new Set(runs.body.items.map(({ jobId }) => jobId))).toEqual(new Set([theirs.body.id]));
  });

  test('are open to admins, and their links keep the namespace', async () => {
    const made = await request<Job>(
      `${url}/jobs?namespace=third`,
      'POST',
      definition('victim'),
      bearer(admin),
    );
    expect(made.body.namespace).toBe('third');
    const location = made.headers.get('location') ?? '';
    const read = await request<Job>(url + location, 'GET', undefined, bearer(admin));
    expect(read.body.id).toBe(made.body.id);
    expect((await request(`${url}/jobs/${made.body.id}`, 'GET', undefined, bearer(admin))).status).toBe(404);
    await request<Job>(`${url}/jobs?namespace=third`, 'POST', definition('second'), bearer(admin));
    const page = await request<{ items: Job[] }>(
      `${url}/jobs?namespace=third&limit=1`,
      'GET',
      undefined,
      bearer(admin),
    );
    expect(page.headers.get('link')).toContain('namespace=third');
    const wrong = await request<Problem>(`${url}/jobs?namespace=No`, 'GET', undefined, bearer(admin));
    expect(wrong).toMatchObject({ status: 422, body: { errors: [{ path: 'namespace' }] } });
  });

  test('limit a run stream to their own runs', async () => {
    const follower = await followRuns(`${url}/runs/stream`, '', bearer(stranger));
    const theirs = await apiClient(url, stranger).createJob(definition('followed'));
    await apiClient(url, admin).runJob(job.id);
    const { id } = await apiClient(url, stranger).runJob(theirs.id);
    await waitFor('the event of the run', () =>
      follower.events.some(({ data }) => (data as { runId: string }).runId === id),
    );
    follower.close();
    expect(new Set(follower.events.map(({ data }) => (data as { jobId: string }).jobId))).toEqual(
      new Set([theirs.id]),
    );
  });

  test('revisions name the key that made the change', async () => {
    const key = await makeKeyByApi('night shift', ['jobs:read', 'jobs:write']);
    const api = apiClient(url, key);
    const { id } = await api.createJob(definition('watched'));
    await api.pauseJob(id, { reason: 'maintenance' });
    const { items } = await api.listRevisions(id);
    expect(items.map(({ action, by }) => [action, by])).toEqual([
      ['paused', 'key:default/night shift'],
      ['created', 'key:default/night shift'],
    ]);
  });
});

describe('each example of the document', () => {
  const examples = guarded.flatMap((operation) =>
    operation.examples.map(([name, { value }]) => ({ ...operation, name, value })),
  );
  const ofJobs = examples.filter(({ operationId }) => operationId === 'createJob');

  test.each(examples)(
    '$method $path: $name is answered as documented',
    async ({ method, path, type, name, operationId, value }) => {
      // In a namespace of its own, with the job of the first example, skipped where it is to be unskipped, and a calendar.
      const namespace = `${operationId}-${name}`.toLowerCase();
      const inNamespace = `?namespace=${namespace}`;
      const made = await request<Job>(
        `${url}/jobs${inNamespace}`,
        'POST',
        { ...(ofJobs[0]?.value as object), name: 'its job' },
        bearer(admin),
      );
      await request(`${url}/calendars${inNamespace}`, 'POST', { name: 'its-calendar' }, bearer(admin));
      const named = path.replace('{id}', made.body.id).replace('{name}', 'its-calendar');
      const place = `${url}${named}${inNamespace}`;
      if (operationId === 'unskipOccurrences')
        await request(place.replace('/unskip', '/skip'), 'POST', value, bearer(admin));
      const headers = { ...bearer(admin), ...(type === undefined ? {} : { 'content-type': type }) };
      const answer = await request(place, method, value, headers);
      const isGood = answer.status >= 200 && answer.status < 300;
      expect(isGood ? '' : JSON.stringify(answer.body)).toBe('');
    },
  );
});
