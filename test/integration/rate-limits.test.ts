import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Problem } from '../../api/rest/problem.ts';
import { bearer, request } from '../support/client.ts';
import { API_KEY_PEPPER, makeKey } from '../support/keys.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

const LIMITS = { API_KEY_PEPPER, RATE_LIMIT_WRITES_PER_MINUTE: '50', RATE_LIMIT_READS_PER_MINUTE: '30' };

let stack: Stack;
let services: ServiceProcess[];

beforeAll(async () => {
  stack = await createStack('rate-limits');
  services = await Promise.all([stack.startApi(LIMITS), stack.startApi(LIMITS)]);
});
afterAll(() => stack.stop());

const definition = {
  name: 'job',
  schedule: { at: '2090-01-01T00:00:00Z' },
  target: { type: 'http', url: 'https://example.com/' },
};

/** Sends `count` requests, distributed over the services, a few at a time. */
async function sendMany(
  count: number,
  send: (url: string, number: number) => Promise<{ status: number; headers: Headers }>,
) {
  const answers: { status: number; headers: Headers }[] = [];
  for (let start = 0; start < count; start += 10) {
    const batch = Array.from({ length: Math.min(10, count - start) }, (_, index) => start + index);
    answers.push(
      ...(await Promise.all(
        batch.map((number) => send((services[number % services.length] as ServiceProcess).url, number)),
      )),
    );
  }
  return answers;
}
const countOf = (answers: { status: number }[], status: number) =>
  answers.filter((answer) => answer.status === status).length;

describe('a client', () => {
  test('has one limit of writes for two processes, and a separate one of reads', async () => {
    const key = await makeKey(stack, 'writer', 'jobs:read,jobs:write');
    const answers = await sendMany(100, (url, number) =>
      request(`${url}/jobs`, 'POST', { ...definition, name: `job-${number}` }, bearer(key)),
    );
    expect([countOf(answers, 201), countOf(answers, 429)]).toEqual([50, 50]);
    const { rows } = await stack.db.query<{ count: string }>('SELECT count(*) FROM jobs');
    expect(rows[0]?.count).toBe('50');
    const refused = answers.find(({ status }) => status === 429)?.headers;
    expect(refused?.get('ratelimit-policy')).toBe('"writes";q=50;w=60');
    expect(refused?.get('ratelimit')).toMatch(/^"writes";r=0;t=\d+$/);
    const seconds = Number(refused?.get('retry-after'));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(60);

    const [url] = services.map((service) => service.url);
    const read = await request(`${url}/jobs`, 'GET', undefined, bearer(key));
    expect(read.status).toBe(200);
    expect(read.headers.get('ratelimit')).toMatch(/^"reads";r=29;t=60$/);
    // A preview counts as a read: it changes nothing.
    const preview = await request(
      `${url}/schedules/preview`,
      'POST',
      { schedule: definition.schedule },
      bearer(key),
    );
    expect(preview.headers.get('ratelimit')).toMatch(/^"reads";r=28;t=\d+$/);
    const again = await request<Problem>(`${url}/jobs`, 'POST', definition, bearer(key));
    expect(again).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
  });

  test('does not use up the limit of another client', async () => {
    const key = await makeKey(stack, 'another writer', 'jobs:write');
    const { url } = services[0] as ServiceProcess;
    const answer = await request(`${url}/jobs`, 'POST', { ...definition, name: 'of another' }, bearer(key));
    expect(answer.status).toBe(201);
  });

  test('without credentials is identified by its address, which no header can change', async () => {
    const answers = await sendMany(40, (url, number) =>
      request(`${url}/jobs`, 'GET', undefined, { 'x-forwarded-for': `203.0.113.${number}` }),
    );
    expect([countOf(answers, 401), countOf(answers, 429)]).toEqual([30, 10]);
    const probe = await request(`${(services[0] as ServiceProcess).url}/livez`);
    expect(probe.status).toBe(200);
  });

  test('behind a trusted proxy is identified by the address that the proxy saw', async () => {
    const { url, stop } = await stack.startApi({ ...LIMITS, TRUST_PROXY: '1' });
    const from = (address: string) =>
      request(`${url}/jobs`, 'GET', undefined, { 'x-forwarded-for': address });
    for (let number = 0; number < 30; number++)
      expect((await from(`198.51.100.${number}, 203.0.113.77`)).status).toBe(401);
    expect((await from('198.51.100.99, 203.0.113.77')).status).toBe(429);
    expect((await from('198.51.100.99, 203.0.113.78')).status).toBe(401);
    // Some proxies add the port.
    expect((await from('203.0.113.77:5678')).status).toBe(429);
    // A user has a whole /64.
    for (let number = 0; number < 30; number++)
      expect((await from(`2001:db8:1:2::${number}`)).status).toBe(401);
    expect((await from('2001:db8:1:2:ffff::1')).status).toBe(429);
    expect((await from('2001:db8:1:3::1')).status).toBe(401);
    await stop();
  });

  test('is limited by each process separately while Postgres does not answer', async () => {
    const key = await makeKey(stack, 'without Postgres', 'jobs:read');
    await stack.db.query('ALTER TABLE rate_limits RENAME TO rate_limits_away');
    const answers = await sendMany(80, (url) => request(`${url}/jobs`, 'GET', undefined, bearer(key)));
    expect([countOf(answers, 200), countOf(answers, 429)]).toEqual([60, 20]);
    await stack.db.query('ALTER TABLE rate_limits_away RENAME TO rate_limits');
    await waitFor('the shared counts to be used again', async () => {
      const { rows } = await stack.db.query<{ count: string }>('SELECT count(*) FROM rate_limits');
      await request(
        `${(services[0] as ServiceProcess).url}/jobs`,
        'GET',
        undefined,
        bearer(await makeKey(stack, `after ${Math.random()}`, 'jobs:read')),
      );
      const { rows: later } = await stack.db.query<{ count: string }>('SELECT count(*) FROM rate_limits');
      return Number(later[0]?.count) > Number(rows[0]?.count);
    });
  });
});

describe('a namespace', () => {
  test('holds no more jobs than its quota, however many requests arrive at once', async () => {
    const full = await Promise.all(
      [0, 1].map(() => stack.startApi({ API_KEY_PEPPER, MAX_JOBS_PER_NAMESPACE: '7' })),
    );
    const key = await makeKey(stack, 'eager', 'jobs:read,jobs:write', 'small');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, number) =>
        request<Problem & { id: string }>(
          `${full[number % 2]?.url}/jobs`,
          'POST',
          { ...definition, name: `job-${number}` },
          bearer(key),
        ),
      ),
    );
    expect([countOf(answers, 201), countOf(answers, 409)]).toEqual([7, 13]);
    expect(answers.find(({ status }) => status === 409)?.body.code).toBe('too_many_jobs');
    const id = answers.find(({ status }) => status === 201)?.body.id ?? '';
    expect((await request(`${full[0]?.url}/jobs/${id}`, 'DELETE', undefined, bearer(key))).status).toBe(204);
    const again = await request(
      `${full[0]?.url}/jobs`,
      'POST',
      { ...definition, name: 'in its place' },
      bearer(key),
    );
    expect(again.status).toBe(201);
    await Promise.all(full.map((service) => service.stop()));
  });

  test('refuses jobs that fire more often than MIN_INTERVAL_SECONDS', async () => {
    const { url, stop } = await stack.startApi({ MIN_INTERVAL_SECONDS: '60' });
    const create = (name: string, schedule: object) =>
      request<Problem & { id: string }>(`${url}/jobs`, 'POST', { ...definition, name, schedule });
    const often = [
      { every: '59s' },
      { cron: ['* * * * *', '*/10 * * * *'], exclude: [], startAt: '2030-01-01T00:00:30Z' },
      { calendar: [{ hour: '*', minute: '*', second: [0, 30] }] },
    ];
    const answers = await Promise.all(often.map((schedule, index) => create(`often-${index}`, schedule)));
    expect(answers.map(({ status }) => status)).toEqual([422, 201, 422]);
    expect(answers[0]?.body.errors).toEqual([
      { path: 'schedule', code: 'too_often', message: expect.stringContaining('59 s apart') },
    ]);
    const rare = await create('rare', { every: '60s' });
    expect(rare.status).toBe(201);
    const patched = await request(`${url}/jobs/${rare.body.id}`, 'PATCH', { schedule: { every: '10s' } });
    expect(patched.status).toBe(422);
    const preview = await request(`${url}/schedules/preview`, 'POST', { schedule: { every: '10s' } });
    expect(preview.status).toBe(422);
    await stop();
  });
});
