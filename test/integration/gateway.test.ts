import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SignJWT } from 'jose';
import { makeApiKey } from '../../api/access/api-key-format.ts';
import { findPort } from '../../local/ports.ts';
import { bearer } from '../support/client.ts';
import { fromRunner } from '../support/environment.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { API_KEY_PEPPER, makeKey, runKeys } from '../support/keys.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

const ISSUER = 'https://login.example.com/';
const issuer = generateKeyPairSync('rsa', { modulusLength: 2048 });
const strangers = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = issuer.publicKey.export({ type: 'spki', format: 'pem' }).toString();

let stack: Stack;
let gateway: Gateway;
let folder: string;
let publicKeyFile: string;
let ports: { apiPort: number; internalPort: number };
let key: string;
let apis: ServiceProcess[];

/** Each API has its own loopback address and the same ports, like containers. */
const startApi = (address: string) =>
  stack.startApi({
    HOST: address,
    PORT: String(ports.apiPort),
    INTERNAL_PORT: String(ports.internalPort),
    TRUST_PROXY: '1',
    API_KEY_PEPPER,
    JWT_PUBLIC_KEY_FILE: publicKeyFile,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: 'scheduler',
  });

beforeAll(async () => {
  stack = await createStack('gateway');
  folder = path.join(fromRunner('folder'), 'gateway');
  mkdirSync(folder, { recursive: true });
  publicKeyFile = path.join(folder, 'public.pem');
  writeFileSync(publicKeyFile, pem);
  ports = { apiPort: await findPort(0), internalPort: await findPort(0) };
  apis = await Promise.all(['127.0.0.2', '127.0.0.3'].map(startApi));
  key = await makeKey(stack, 'gateway', 'admin');
  gateway = await startGateway({
    folder: path.join(folder, 'nginx'),
    ...ports,
    apis: ['127.0.0.2', '127.0.0.3'],
  });
});
afterAll(async () => {
  await gateway.stop();
  await stack.stop();
});

const definition = (name: string) => ({
  name,
  schedule: { every: '1h' },
  target: { type: 'http', url: 'https://example.com/' },
});
const postJob = (name: string, headers: Record<string, string> = {}) =>
  gateway.fetch('/scheduler/jobs', {
    method: 'POST',
    headers: { ...bearer(key), 'content-type': 'application/json', ...headers },
    body: JSON.stringify(definition(name)),
  });
const seconds = (offset: number) => Math.floor(Date.now() / 1_000) + offset;
const token = (claims: Record<string, unknown> = {}, signer: KeyObject = issuer.privateKey) =>
  new SignJWT({
    ...{ iss: ISSUER, aud: 'scheduler', sub: 'ada "the first"', exp: seconds(300), scope: 'jobs:read' },
    ...claims,
  })
    .setProtectedHeader({ alg: 'RS256' })
    .sign(signer);
/** The line of the gateway's access log for the request that got this answer. */
const lineOf = (answer: { headers: { get: (name: string) => string | null } }) => {
  const requestId = answer.headers.get('x-request-id');
  return waitFor(`the access log of ${requestId}`, () =>
    gateway.accessLog().find((line) => line.requestId === requestId),
  );
};

describe('routing', () => {
  test('/scheduler/jobs is /jobs, and the links in its answers work', async () => {
    const created = await postJob('behind a prefix');
    expect(created.status).toBe(201);
    const location = created.headers.get('location') ?? '';
    expect(location).toMatch(/^\/scheduler\/jobs\/[0-9a-f-]{36}$/);
    const read = await gateway.fetch(location, { headers: bearer(key) });
    expect([read.status, ((await read.json()) as { name: string }).name]).toEqual([200, 'behind a prefix']);
    await postJob('a second one');
    const list = await gateway.fetch('/scheduler/jobs?limit=1', { headers: bearer(key) });
    const next = /^<([^>]+)>; rel="next"$/.exec(list.headers.get('link') ?? '')?.[1] ?? '';
    expect(next).toMatch(/^\/scheduler\/jobs\?/);
    const { items } = (await (await gateway.fetch(next, { headers: bearer(key) })).json()) as {
      items: unknown[];
    };
    expect(items).toHaveLength(1);
  });

  test('the documentation has one address, and needs no credentials', async () => {
    for (const place of ['/', '/docs', '/scheduler/'])
      expect((await gateway.fetch(place)).headers.get('location')).toBe('/scheduler/docs');
    const page = await (await gateway.fetch('/scheduler/docs')).text();
    const assets = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '');
    expect(assets.length).toBeGreaterThanOrEqual(3);
    for (const asset of [...assets, 'openapi.json']) {
      const { pathname } = new URL(asset, `${gateway.url}/scheduler/docs`);
      expect([asset, (await gateway.fetch(pathname)).status]).toEqual([asset, 200]);
    }
    // "Try it out" calls the server of the OpenAPI document, whose URL is relative to the document.
    const document = (await (await gateway.fetch('/scheduler/openapi.json')).json()) as {
      servers: [{ url: string }];
    };
    const server = new URL(document.servers[0].url, `${gateway.url}/scheduler/openapi.json`);
    expect(server.href).toBe(`${gateway.url}/scheduler/`);
  });

  test('metrics, probes and everything else cannot be reached from outside', async () => {
    const places = [
      '/scheduler/metrics',
      '/scheduler/livez',
      '/metrics',
      '/jobs',
      '/scheduler/docs/../metrics',
    ];
    for (const place of [...places, '/scheduler/docs/%2e%2e/metrics', '/scheduler//metrics']) {
      const answer = await gateway.fetch(place, { headers: bearer(key) });
      expect([place, answer.status, answer.headers.get('content-type')]).toEqual([
        place,
        404,
        'application/problem+json',
      ]);
    }
  });

  test('HTTP redirects to HTTPS, and a POST stays a POST', async () => {
    const answer = await fetch(`${gateway.plainUrl}/scheduler/jobs`, { method: 'POST', redirect: 'manual' });
    expect([answer.status, answer.headers.get('location')?.startsWith('https://')]).toEqual([308, true]);
  });
});

describe('credentials', () => {
  const ask = (credential?: string) =>
    gateway.fetch('/scheduler/jobs', { headers: credential === undefined ? {} : bearer(credential) });

  test('that cannot be valid are refused by the gateway', async () => {
    const [header, payload] = (await token()).split('.') as [string, string];
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
    // Signed with the public key as a shared secret, and without any signature.
    const confused = `${encode({ alg: 'HS256' })}.${payload}`;
    const bad: Record<string, string | undefined> = {
      none: undefined,
      rubbish: 'rubbish',
      'a key cut off': key.slice(0, -1),
      'a stranger’s token': await token({}, strangers.privateKey),
      'an expired token': await token({ exp: seconds(-60) }),
      'a token without an end': await token({ exp: undefined }),
      'a token of another issuer': await token({ iss: 'https://elsewhere.example.com/' }),
      'a token without an issuer': await token({ iss: undefined }),
      'a shared secret': `${confused}.${createHmac('sha256', pem).update(confused).digest('base64url')}`,
      'no algorithm': `${encode({ alg: 'none' })}.${payload}.`,
      'no signature': `${header}.${payload}.`,
      'an unknown key': makeApiKey(),
      'another audience': await token({ aud: 'elsewhere' }),
      'a changed payload': `${header}.${encode({ iss: ISSUER, exp: seconds(300), scope: 'admin' })}.${(await token()).split('.')[2]}`,
    };
    for (const [what, credential] of Object.entries(bad)) {
      const answer = await ask(credential).catch((error: unknown) => {
        throw new Error(`${what}: ${credential}`, { cause: error });
      });
      const problem = (await answer.json()) as { code: string; requestId: string };
      const { apis } = await lineOf(answer);
      // The gateway asked an API about the credentials only.
      expect([what, answer.status, problem.code, apis]).toEqual([what, 401, 'unauthenticated', '']);
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
      expect(problem.requestId).toBe(answer.headers.get('x-request-id'));
    }
  });

  test('that are valid reach an API, which knows their scopes', async () => {
    const tokens = { token: await token(), 'a token for several': await token({ aud: ['scheduler', 'x'] }) };
    for (const [what, credential] of Object.entries({ key, ...tokens }))
      expect([what, (await ask(credential)).status]).toEqual([what, 200]);
    const answer = await gateway.fetch('/scheduler/jobs', {
      method: 'POST',
      headers: { ...bearer(await token()), 'content-type': 'application/json' },
      body: JSON.stringify(definition('no scope')),
    });
    expect([answer.status, (await lineOf(answer)).apis]).toEqual([403, expect.stringMatching(/^127[.]/)]);
  });

  test('that were revoked are refused by the gateway within seconds', async () => {
    const doomed = await makeKey(stack, 'doomed', 'jobs:read');
    expect((await ask(doomed)).status).toBe(200);
    const { rows } = await stack.db.query<{ id: string }>(`SELECT id FROM api_keys WHERE name = 'doomed'`);
    await runKeys(stack, 'revoke', String(rows[0]?.id));
    // Refused by the gateway, and not by an API that learned of it earlier than the API that the gateway asked.
    await waitFor('the gateway to refuse the key', async () => {
      const answer = await ask(doomed);
      return answer.status === 401 && (await lineOf(answer)).apis === '';
    });
  });

  test('are not needed for the preflight request of another origin', async () => {
    const answer = await gateway.fetch('/scheduler/jobs', {
      method: 'OPTIONS',
      headers: { origin: 'https://console.example.com' },
    });
    expect(answer.status).not.toBe(401);
    expect((await gateway.fetch('/preflight/jobs')).status).toBe(404);
    expect((await gateway.fetch('/repeatable/jobs', { headers: bearer(key) })).status).toBe(404);
    expect((await gateway.fetch('/credentials', { headers: bearer(key) })).status).toBe(404);
  });
});

describe('the access log', () => {
  test('names client, request and the request id of the API, and holds no credentials', async () => {
    const withToken = await gateway.fetch('/scheduler/jobs?name=a%22b', { headers: bearer(await token()) });
    expect(await lineOf(withToken)).toMatchObject({
      msg: 'request',
      method: 'GET',
      path: '/scheduler/jobs',
      status: 200,
      caller: encodeURIComponent('token:ada "the first"'),
      durationSeconds: expect.any(Number),
    });
    const own = await gateway.fetch('/scheduler/jobs', {
      headers: { ...bearer(key), 'x-request-id': 'request-of-a-client' },
    });
    expect(own.headers.get('x-request-id')).toBe('request-of-a-client');
    expect(await lineOf(own)).toMatchObject({ caller: encodeURIComponent('key:default/gateway') });
    const apiLogs = () =>
      [1, 2].map((index) =>
        readFileSync(path.join(fromRunner('folder'), `gateway-api-${index}.log`), 'utf8'),
      );
    const apiLines = (requestId: string) =>
      apiLogs().flatMap((log) => log.split('\n').filter((line) => line.includes(`"${requestId}"`)));
    // One line for the request, and one for the check of its credentials.
    await waitFor('the lines of an API', () => apiLines('request-of-a-client').length >= 2);
    await gateway.fetch('/scheduler/jobs', { headers: { 'x-request-id': 'request-without-key' } });
    const refused = await waitFor('the line of a refusal', () => apiLines('request-without-key')[0]);
    expect(JSON.parse(refused)).toMatchObject({ path: '/access', status: 401 });
    expect(JSON.stringify(gateway.accessLog())).not.toContain(key);
    // Characters that would break a line of JSON are escaped.
    const odd = await gateway.fetch('/scheduler/%22,%22status%22:1', { headers: bearer(key) });
    expect((await lineOf(odd)).status).toBe(404);
  });
});

describe('several APIs', () => {
  test('share the requests; none fails when one API stops and another one starts', async () => {
    let isOver = false;
    const statuses: number[] = [];
    const lane = async (index: number) => {
      for (let round = 0; !isOver; round++) {
        const name = `lane-${index}-${round}`;
        const created = await postJob(name, { 'idempotency-key': name });
        const read = await gateway.fetch(created.headers.get('location') ?? '/', { headers: bearer(key) });
        statuses.push(created.status, read.status);
        await Promise.all([created.text(), read.text()]);
      }
    };
    const from = gateway.accessLog().length;
    const load = Promise.all([0, 1, 2].map(lane));
    load.catch(() => undefined);
    const answering = () =>
      new Set(
        gateway
          .accessLog()
          .slice(from)
          .map((line) => line.apis),
      );
    await waitFor('both APIs to answer', () => answering().size === 2);
    const [first] = apis as [ServiceProcess];
    await first.stop('SIGTERM');
    expect((await first.process.exited).code).toBe(0);
    await startApi('127.0.0.4');
    gateway.names.addresses = ['127.0.0.3', '127.0.0.4'];
    const since = gateway.accessLog().length;
    await waitFor(
      'the new API to answer',
      () =>
        [
          ...new Set(
            gateway
              .accessLog()
              .slice(since)
              .map((line) => line.apis),
          ),
        ].length === 2,
    );
    isOver = true;
    await load;
    expect(new Set(statuses)).toEqual(new Set([201, 200]));
    const { rows } = await stack.db.query<{ count: string }>(
      `SELECT count(*) AS count FROM jobs WHERE name LIKE 'lane-%'`,
    );
    // Every job that was requested once exists once.
    expect(Number(rows[0]?.count)).toBe(statuses.length / 2);
  });

  test('that are all down make the gateway answer 503 with a problem document', async () => {
    const limited = await startGateway({ folder: path.join(folder, 'alone'), ...ports, apis: ['127.0.0.3'] });
    // Nobody listens on this port.
    limited.names.addresses = ['127.0.0.9'];
    const answer = await waitFor('the gateway to find no API', async () => {
      const given = await limited.fetch('/scheduler/jobs', { headers: bearer(key) });
      return given.status === 503 ? given : undefined;
    });
    expect([answer.headers.get('content-type'), answer.headers.get('retry-after')]).toEqual([
      'application/problem+json',
      '2',
    ]);
    expect(await answer.json()).toMatchObject({ code: 'unavailable', status: 503 });
    await limited.stop();
  });
});

test('beyond its rate limit the gateway answers 429 without asking an API; other clients are not affected', async () => {
  const limit = 20;
  const limited = await startGateway({
    folder: path.join(folder, 'limited'),
    ...ports,
    apis: ['127.0.0.3'],
    // One a second, with a burst of twenty.
    settings: {
      RATE_PER_CLIENT: '1',
      BURST_PER_CLIENT: String(limit - 1),
      RATE_PER_ADDRESS: '1',
      BURST_PER_ADDRESS: '200',
    },
  });
  const other = await makeKey(stack, 'other', 'jobs:read');
  const ask = (credential: string) => limited.fetch('/scheduler/jobs', { headers: bearer(credential) });
  const answers = [];
  for (let index = 0; index < 2 * limit; index++) answers.push(await ask(key));
  const statuses = answers.map(({ status }) => status);
  expect(statuses.slice(0, limit)).toEqual(Array.from({ length: limit }, () => 200));
  const last = answers.find(({ status }) => status === 429);
  expect(last?.headers.get('retry-after')).toBe('1');
  expect(await last?.json()).toMatchObject({ code: 'rate_limited' });
  await waitFor('the log of a refusal', () =>
    limited.accessLog().some((line) => line.status === 429 && line.apis === ''),
  );
  expect((await ask(other)).status).toBe(200);
  // A client that tries many credentials from one address reaches the limit of that address.
  const tried = [];
  for (let index = 0; index < 250; index++) tried.push((await ask(`rubbish-${index}`)).status);
  expect([tried[0], tried.at(-1)]).toEqual([401, 429]);
  await limited.stop();
});
