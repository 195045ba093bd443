import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isRead } from '../../api/rest/operation.ts';
import type { Problem } from '../../api/rest/problem.ts';
import { operations } from '../../api/routes/index.ts';
import type { ApiKey } from '../../domain/api-key.ts';
import type { AuditEntry } from '../../domain/job/audit.ts';
import type { Job } from '../../domain/job/job.ts';
import { bearer, request, type Page } from '../support/client.ts';
import { createDatabaseRoles } from '../support/database-roles.ts';
import { API_KEY_PEPPER, makeKey, runKeys } from '../support/keys.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

const ADDRESS = '203.0.113.7';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

let stack: Stack;
let url: string;
let admin: string;
/** Its owner changes jobs and runs, and must not read the log. */
let writer: string;
let auditor: string;
let stranger: string;
/** The API key of the writer. */
let writerKey: ApiKey;

beforeAll(async () => {
  stack = await createStack('audit');
  const roles = await createDatabaseRoles(stack);
  [admin, writer, auditor, stranger] = await Promise.all([
    makeKey(stack, 'root', 'admin'),
    makeKey(stack, 'writer', 'jobs:read,jobs:write,runs:read,runs:write'),
    makeKey(stack, 'auditor', 'audit:read'),
    makeKey(stack, 'stranger', 'jobs:write,audit:read', 'other'),
  ]);
  const [api] = await Promise.all([
    stack.startApi({ API_KEY_PEPPER, TRUST_PROXY: '1', DATABASE_URL: roles.api }),
    stack.startWorker({ DATABASE_URL: roles.worker }),
  ]);
  ({ url } = api);
  const keys = await request<Page<ApiKey>>(`${url}/api-keys`, 'GET', undefined, bearer(admin));
  writerKey = keys.body.items.find(({ name }) => name === 'writer') as ApiKey;
});
afterAll(() => stack.stop());

const jobOf = (name: string, more: object = {}) => ({
  name,
  schedule: { at: '2090-01-01T00:00:00Z' },
  target: { type: 'http', url: `${stack.receiver.url}/${name}` },
  ...more,
});

/** Sends a request through a proxy, as the writer unless told otherwise. */
const send = <Body>(method: string, path: string, body?: unknown, credential = writer, more = {}) =>
  request<Body>(url + path, method, body, {
    ...bearer(credential),
    'x-forwarded-for': `198.51.100.66, ${ADDRESS}`,
    'x-request-id': 'request-of-this-test',
    ...more,
  });

const read = async (query: string, credential = auditor): Promise<AuditEntry[]> => {
  const { status, body } = await send<Page<AuditEntry>>('GET', `/audit?${query}`, undefined, credential);
  expect({ status, body }).toMatchObject({ status: 200 });
  return body.items;
};
const newest = async (): Promise<AuditEntry | undefined> => (await read('limit=1'))[0];

async function changeCalendar(
  name: string,
  fields: string[],
  change: () => Promise<{ status: number }>,
): Promise<[change: { status: number }, entry: object]> {
  await send('POST', '/calendars', { name });
  const answer = await change();
  return [
    answer,
    { action: 'changed', resource: { kind: 'calendar' }, generation: 2, fields, details: { name } },
  ];
}

const HOURLY = { schedule: { every: '1h', startAt: '2090-01-01T00:00:00Z' }, second: '2090-01-01T01:00:00Z' };

/** For each operation that changes something: a change by it, and what its entry tells besides who and from where. */
const CHANGES: Record<string, () => Promise<[change: { status: number }, entry: object]>> = {
  createJob: async () => {
    const answer = await send<Job>('POST', '/jobs', jobOf('created'));
    const resource = { kind: 'job', id: answer.body.id };
    return [answer, { action: 'created', resource, jobId: answer.body.id, generation: 1, fields: [] }];
  },
  replaceJob: () =>
    changeJob('changed', ['target'], (id) =>
      send('PUT', `/jobs/${id}`, {
        ...jobOf('replaceJob'),
        target: { type: 'http', url: 'https://a.example/' },
      }),
    ),
  patchJob: () =>
    changeJob('changed', ['description', 'labels'], (id) =>
      send('PATCH', `/jobs/${id}`, { labels: { a: 'b' }, description: 'changed' }),
    ),
  deleteJob: () => changeJob('deleted', [], (id) => send('DELETE', `/jobs/${id}`)),
  pauseJob: () =>
    changeJob('paused', ['state', 'pause.reason'], (id) =>
      send('POST', `/jobs/${id}/pause`, { reason: 'x' }),
    ),
  resumeJob: () =>
    changeJob(
      'resumed',
      ['state'],
      (id) => send('POST', `/jobs/${id}/resume`),
      (id) => send('POST', `/jobs/${id}/pause`),
    ),
  skipOccurrences: () =>
    changeJob(
      'skipped',
      ['skips'],
      (id) => send('POST', `/jobs/${id}/skip`, { at: HOURLY.second }),
      (id) => send('PUT', `/jobs/${id}`, { ...jobOf('skip'), schedule: HOURLY.schedule }),
    ),
  unskipOccurrences: () =>
    changeJob(
      'unskipped',
      ['skips'],
      (id) => send('POST', `/jobs/${id}/unskip`, { at: HOURLY.second }),
      (id) =>
        send('PUT', `/jobs/${id}`, { ...jobOf('unskip'), schedule: HOURLY.schedule }).then(() =>
          send('POST', `/jobs/${id}/skip`, { at: HOURLY.second }),
        ),
      4,
    ),
  createCalendar: async () => {
    const answer = await send('POST', '/calendars', { name: 'created' });
    return [
      answer,
      { action: 'created', resource: { kind: 'calendar' }, generation: 1, details: { name: 'created' } },
    ];
  },
  importCalendar: async () => {
    const ics =
      'BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20301225\nEND:VEVENT\nEND:VCALENDAR';
    const answer = await send('POST', '/calendars/import', { name: 'imported', ics });
    return [answer, { action: 'created', resource: { kind: 'calendar' }, details: { name: 'imported' } }];
  },
  replaceCalendar: () =>
    changeCalendar('replaced', ['weekdays'], () => send('PUT', '/calendars/replaced', { weekdays: ['MON'] })),
  patchCalendar: () =>
    changeCalendar('patched', ['through'], () =>
      send('PATCH', '/calendars/patched', { through: '2090-12-31' }),
    ),
  deleteCalendar: async () => {
    await send('POST', '/calendars', { name: 'deleted' });
    const answer = await send('DELETE', '/calendars/deleted');
    return [
      answer,
      { action: 'deleted', resource: { kind: 'calendar' }, generation: 2, details: { name: 'deleted' } },
    ];
  },
  runJob: async () => {
    const { body: job } = await send<Job>('POST', '/jobs', jobOf('runJob'));
    const answer = await send<{ id: string }>('POST', `/jobs/${job.id}/run`);
    return [answer, { action: 'requested', resource: { kind: 'run', id: answer.body.id }, jobId: job.id }];
  },
  backfillJob: async () => {
    const { body: job } = await send<Job>(
      'POST',
      '/jobs',
      jobOf('backfillJob', { schedule: { every: '1h' } }),
    );
    const range = { from: '2026-01-01T00:00:00Z', to: '2026-01-01T02:00:00Z', onlyMissing: false };
    const answer = await send<{ id: string }>('POST', `/jobs/${job.id}/backfill`, range);
    const resource = { kind: 'backfill', id: answer.body.id };
    return [
      answer,
      { action: 'requested', resource, jobId: job.id, details: { ...range, overlap: 'bufferAll' } },
    ];
  },
  cancelRun: async () => {
    stack.receiver.respond('/cancelRun', () => undefined);
    const { body: job } = await send<Job>('POST', '/jobs', jobOf('cancelRun'));
    const { body: run } = await send<{ id: string }>('POST', `/jobs/${job.id}/run`);
    await waitFor('the call', () => stack.receiver.callsTo('/cancelRun').length > 0);
    const answer = await send('POST', `/runs/${run.id}/cancel`);
    // Once more changes nothing, and so has no entry.
    await send('POST', `/runs/${run.id}/cancel`, undefined, admin);
    return [answer, { action: 'cancelled', resource: { kind: 'run', id: run.id }, jobId: job.id }];
  },
  retryRun: async () => {
    const { body: job } = await send<Job>('POST', '/jobs', jobOf('retryRun'));
    const { body: run } = await send<{ id: string }>('POST', `/jobs/${job.id}/run`);
    const answer = await waitFor('the end of the run', async () => {
      const retried = await send<{ id: string }>('POST', `/runs/${run.id}/retry`);
      return retried.status === 202 ? retried : undefined;
    });
    const resource = { kind: 'run', id: answer.body.id };
    return [answer, { action: 'retried', resource, jobId: job.id, details: { retryOf: run.id } }];
  },
  createApiKey: async () => {
    const input = { name: 'created', scopes: ['jobs:read'] };
    const answer = await send<ApiKey>('POST', '/api-keys', input, admin);
    const details = { ...input, hint: answer.body.hint };
    return [
      answer,
      {
        by: 'key:default/root',
        action: 'created',
        resource: { kind: 'apiKey', id: answer.body.id },
        details,
      },
    ];
  },
  revokeApiKey: async () => {
    const made = await send<ApiKey>('POST', '/api-keys', { name: 'to revoke', scopes: ['jobs:read'] }, admin);
    const answer = await send('POST', `/api-keys/${made.body.id}/revoke`, undefined, admin);
    await send('POST', `/api-keys/${made.body.id}/revoke`, undefined, admin);
    return [
      answer,
      { by: 'key:default/root', action: 'revoked', resource: { kind: 'apiKey', id: made.body.id } },
    ];
  },
};

async function changeJob(
  action: string,
  fields: string[],
  change: (id: string) => Promise<{ status: number }>,
  before?: (id: string) => Promise<unknown>,
  generation = before ? 3 : 2,
): Promise<[{ status: number }, object]> {
  const { body: job } = await send<Job>('POST', '/jobs', jobOf(expect.getState().currentTestName ?? ''));
  await before?.(job.id);
  const answer = await change(job.id);
  const resource = { kind: 'job', id: job.id };
  return [answer, { action, resource, jobId: job.id, generation, fields: expect.arrayContaining(fields) }];
}

test('every operation that changes something is tried below', () => {
  const changing = operations.filter((operation) => !isRead(operation) && operation.access !== 'public');
  expect(Object.keys(CHANGES).sort()).toEqual(
    changing
      .map(({ operationId }) => operationId)
      .filter((id) => id !== 'previewSchedule')
      .sort(),
  );
});

describe('an entry tells who, with which key, what and from where', () => {
  test.each(Object.keys(CHANGES))('%s', async (operationId) => {
    const [answer, entry] = await (CHANGES[operationId] as (typeof CHANGES)[string])();
    expect(answer.status).toBeLessThan(300);
    expect(await newest()).toMatchObject({
      namespace: 'default',
      by: 'key:default/writer',
      credential: 'apiKey',
      address: ADDRESS,
      requestId: 'request-of-this-test',
      ...entry,
    });
  });

  test('and names the API key and the trace', async () => {
    const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`;
    const { body } = await send<Job>('POST', '/jobs', jobOf('traced'), writer, { traceparent });
    const [entry] = await read(`jobId=${body.id}`);
    expect(entry).toMatchObject({ apiKeyId: writerKey.id });
    // Without an exporter, no request is traced.
    expect([null, expect.stringContaining(TRACE)]).toContainEqual(entry?.traceparent);
  });

  test('npm run keys is named, too', async () => {
    await makeKey(stack, 'by command', 'jobs:read', 'commands');
    const [entry] = await read('namespace=commands', admin);
    expect(entry).toMatchObject({ action: 'created', credential: 'command', address: null });
    await runKeys(stack, 'revoke', entry?.resource.id ?? '');
    const [revoked] = await read('namespace=commands', admin);
    expect(revoked).toMatchObject({ action: 'revoked', by: entry?.by, resource: entry?.resource });
  });
});

test('what the service changes by itself has an entry with its rule, and no request', async () => {
  stack.receiver.respond('/failing', (_, response) => void response.writeHead(500).end());
  const { body: job } = await send<Job>(
    'POST',
    '/jobs',
    jobOf('failing', {
      schedule: { every: '1s' },
      policy: { pauseAfterFailures: 1 },
      retry: { maxAttempts: 1 },
    }),
  );
  const entry = await waitFor('the pause', async () => {
    const [latest] = await read(`jobId=${job.id}`);
    return latest?.action === 'paused' && latest;
  });
  expect(entry).toMatchObject({
    by: 'policy.pauseAfterFailures',
    fields: ['state', 'pause.reason'],
    credential: null,
    apiKeyId: null,
    address: null,
    requestId: null,
  });
});

test('a refused request, and one that is repeated or changes nothing, has none', async () => {
  const idempotent = { 'idempotency-key': 'once' };
  const { body: job } = await send<Job>('POST', '/jobs', jobOf('only'), writer, idempotent);
  const last = await newest();
  expect(last?.jobId).toBe(job.id);
  expect((await send('POST', '/jobs', jobOf('only'), writer, idempotent)).status).toBe(201);
  expect((await send('POST', '/jobs', jobOf('only'))).status).toBe(409);
  expect((await send('PUT', `/jobs/${job.id}`, jobOf('only'), writer, { 'if-match': '"7"' })).status).toBe(
    412,
  );
  expect((await send('PATCH', `/jobs/${job.id}`, { labels: {} })).status).toBe(200);
  expect((await send('POST', `/jobs/${job.id}/resume`)).status).toBe(200);
  expect((await send('POST', '/api-keys', { name: 'root', scopes: ['admin'] }, admin)).status).toBe(409);
  expect((await send('DELETE', `/jobs/${job.id}`, undefined, stranger)).status).toBe(404);
  expect(await newest()).toEqual(last);
});

describe('the list', () => {
  test('needs the scope audit:read, and shows only the own namespace, to admins any', async () => {
    const problem = await send<Problem>('GET', '/audit', undefined, writer);
    expect(problem).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect(problem.headers.get('www-authenticate')).toContain('scope="audit:read"');
    const { body } = await send<Job>('POST', '/jobs', jobOf('theirs'), stranger);
    expect((await read('', stranger)).map(({ namespace }) => namespace)).toEqual(['other', 'other']);
    expect(await read(`jobId=${body.id}`)).toEqual([]);
    expect((await read('', auditor)).filter(({ namespace }) => namespace !== 'default')).toEqual([]);
    const foreign = await send<Problem>('GET', '/audit?namespace=other', undefined, auditor);
    expect(foreign.status).toBe(403);
    expect((await read('namespace=other', admin)).map(({ jobId }) => jobId)).toContain(body.id);
  });

  test('is filtered by all that an entry tells, in pages, newest first', async () => {
    const all: AuditEntry[] = [];
    for (let next = '/audit?limit=7'; next !== '';) {
      const { headers, body } = await send<Page<AuditEntry>>('GET', next, undefined, auditor);
      all.push(...body.items);
      next = /^<(.+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1] ?? '';
    }
    expect(all.length).toBeGreaterThan(20);
    expect(all).toEqual(
      [...all].sort(
        (one, other) => Date.parse(other.at) - Date.parse(one.at) || Number(other.id) - Number(one.id),
      ),
    );
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    const middle = all[10] as AuditEntry;
    const filters: [query: string, matches: (entry: AuditEntry) => boolean][] = [
      [`by=${encodeURIComponent('key:default/writer')}`, ({ by }) => by === 'key:default/writer'],
      ['by=policy.pauseAfterFailures', ({ by }) => by === 'policy.pauseAfterFailures'],
      ['action=paused', ({ action }) => action === 'paused'],
      ['resource=run', ({ resource }) => resource.kind === 'run'],
      [
        'resource=apiKey&action=revoked',
        ({ resource, action }) => resource.kind === 'apiKey' && action === 'revoked',
      ],
      [`jobId=${middle.jobId ?? ''}`, ({ jobId }) => jobId === middle.jobId],
      [`since=${middle.at}`, ({ at }) => at >= middle.at],
      [`until=${middle.at}`, ({ at }) => at < middle.at],
    ];
    for (const [query, matches] of filters) {
      const expected = all.filter(matches);
      expect({ query, found: expected.length > 0 }).toEqual({ query, found: true });
      expect({ query, items: await read(`limit=200&${query}`) }).toEqual({ query, items: expected });
    }
    const wrong = await send<Problem>('GET', '/audit?resource=cat&cursor=x&since=now', undefined, auditor);
    expect(wrong).toMatchObject({ status: 422 });
  });

  test('is not open to other methods', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
      expect((await send(method, '/audit', undefined, admin)).status).toBe(405);
  });
});
