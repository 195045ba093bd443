import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Agent, fetch as fetchWith } from 'undici';
import type { Problem } from '../../api/rest/problem.ts';
import type { Job } from '../../domain/job/job.ts';
import { bearer, request } from '../support/client.ts';
import { fromRunner } from '../support/environment.ts';
import { API_KEY_PEPPER, makeKey } from '../support/keys.ts';
import { OTHER_SELF_SIGNED, SELF_SIGNED } from '../support/self-signed.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let service: ServiceProcess;
let url: string;

beforeAll(async () => {
  stack = await createStack('http-server');
  service = await stack.startApi({ AUTH: 'off' });
  ({ url } = service);
});
afterAll(() => stack.stop());

const definition = {
  name: 'job',
  schedule: { at: '2090-01-01T00:00:00Z' },
  target: { type: 'http', url: 'https://example.com/' },
};

/** Sends text unchanged, and resolves with everything that is received until the connection closes. */
function sendRaw(text: string, afterwards?: (write: (text: string) => void) => void): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => {
      socket.write(text);
      afterwards?.((more) => void socket.write(more));
    });
    socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}
const problemIn = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as Problem;

describe('a malformed request', () => {
  test.each([
    ['text that is not HTTP', 'HELO scheduler\r\n\r\n', 400, 'not_http'],
    ['a header name with a space', 'GET /jobs HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n', 400, 'not_http'],
    [
      'two Content-Length headers',
      'POST /jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
      400,
      'not_http',
    ],
    [
      'Content-Length and Transfer-Encoding',
      'POST /jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'not_http',
    ],
    [
      'headers of 20 kB',
      `GET /jobs HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    [
      'an invalid port',
      'GET http://x:99999/livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      400,
      'not_http',
    ],
    [
      'an incomplete IPv6 address',
      'GET http://[::1/livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      400,
      'not_http',
    ],
  ])('(%s) is answered with a problem document', async (_, text, status, code) => {
    const answer = await sendRaw(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain('Content-Type: application/problem+json');
    expect(problemIn(answer)).toMatchObject({ status, code, requestId: expect.any(String) });
  });
});

test('clients that never finish a request do not keep the process from stopping', async () => {
  const { url: other, process: child, stop } = await stack.startApi();
  const { port } = new URL(other);
  const open = (text: string) => {
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
    socket.on('error', () => undefined).resume();
  };
  open('');
  open('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /livez HTTP/1.1\r\nHost: loc');
  open(
    'POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
  );
  await waitFor(
    'the API to have received them',
    async () => (await request(`${other}/readyz`)).status === 200,
  );
  await stop();
  expect((await child.exited).code).toBe(0);
});

describe('a body', () => {
  const send = async (text: string) => {
    const response = await fetch(`${url}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: text,
    });
    return { status: response.status, body: (await response.json()) as Problem };
  };
  const withText = (field: string) => JSON.stringify(definition).replace('"name"', `${field},"name"`);

  test.each([
    ['__proto__ at the top', withText('"__proto__":{"isAdmin":true}'), '__proto__'],
    ['__proto__ in labels', withText('"labels":{"__proto__":"x"}'), 'labels.__proto__'],
    ['__proto__ spelt with escapes', withText('"labels":{"\\u005f_proto__":{}}'), 'labels.__proto__'],
    [
      '__proto__ as a header',
      JSON.stringify(definition).replace('"type"', '"headers":{"__proto__":"x"},"type"'),
      'target.headers.__proto__',
    ],
    [
      'constructor.prototype',
      JSON.stringify(definition).replace('"type"', '"body":{"constructor":{"prototype":{}}},"type"'),
      'target.body.constructor.prototype',
    ],
  ])('with %s is refused', async (_, text, place) => {
    expect(await send(text)).toMatchObject({
      status: 422,
      body: { errors: [{ path: place, code: 'forbidden_key' }] },
    });
  });

  test('may have a label named "constructor", which pollutes no prototype', async () => {
    const { status, body } = await request<Job>(`${url}/jobs`, 'POST', {
      ...definition,
      name: 'builder',
      labels: { constructor: 'x' },
    });
    expect({ status, labels: body.labels }).toEqual({ status: 201, labels: { constructor: 'x' } });
  });

  test('treats __proto__ in a query as an unknown field', async () => {
    const answer = await request<Problem>(`${url}/jobs?__proto__=x`);
    expect(answer).toMatchObject({
      status: 422,
      body: { errors: [{ path: '__proto__', code: 'unknown_field' }] },
    });
  });
});

describe('response headers', () => {
  test('restrict browsers, and name no software', async () => {
    for (const path of ['/jobs', '/nothing', '/livez', '/docs']) {
      const { headers } = await fetch(url + path);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toMatch(/default-src 'none'[^]*frame-ancestors 'none'/);
      expect(headers.get('server') ?? headers.get('x-powered-by')).toBeNull();
      expect(headers.get('strict-transport-security')).toBeNull();
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  test('allow CORS for the configured origins, and no others', async () => {
    const { url: open, stop } = await stack.startApi({
      API_KEY_PEPPER,
      CORS_ORIGINS: 'https://console.example.com,http://localhost:3000',
    });
    const from = (origin: string, init: RequestInit = {}) =>
      fetch(`${open}/jobs`, { ...init, headers: { ...init.headers, origin } });
    const preflight = {
      method: 'OPTIONS',
      headers: { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    };
    const good = await from('https://console.example.com', preflight);
    expect(good.status).toBe(204);
    expect(good.headers.get('access-control-allow-origin')).toBe('https://console.example.com');
    expect(good.headers.get('access-control-allow-headers')).toContain('Authorization');
    expect(good.headers.get('access-control-allow-credentials')).toBeNull();
    // A page can also read the error that it caused.
    const refused = await from('http://localhost:3000');
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([
      401,
      'http://localhost:3000',
    ]);
    expect(refused.headers.get('access-control-expose-headers')).toContain('RateLimit');
    for (const origin of ['https://evil.example.com', 'https://console.example.com.evil.com', 'null'])
      expect((await from(origin, preflight)).headers.get('access-control-allow-origin')).toBeNull();
    await stop();
  });
});

describe('an API without keys or tokens', () => {
  test.each([['0.0.0.0'], ['::'], ['scheduler.internal']])(
    'refuses to listen on %s, and names the remedies',
    async (HOST) => {
      const start = stack.startApi({ HOST });
      await expect(start).rejects.toThrow(/HOST: .*API_KEY_PEPPER[^]*AUTH=off/);
    },
  );

  test('listens on a public address with AUTH=off', async () => {
    const { url: open, stop } = await stack.startApi({ HOST: '0.0.0.0', AUTH: 'off' });
    expect((await request(`${open}/jobs`)).status).toBe(200);
    await stop();
  });

  test('answers to the host names in ALLOWED_HOSTS', async () => {
    const { url: open, stop } = await stack.startApi({
      HOST: '0.0.0.0',
      AUTH: 'off',
      ALLOWED_HOSTS: '127.0.0.1,scheduler',
    });
    expect((await request(`${open}/jobs`)).status).toBe(200);
    expect((await request(`${open.replace('127.0.0.1', 'localhost')}/jobs`)).status).toBe(403);
    await stop();
  });

  test('answers to host names of the local machine only, which prevents DNS rebinding', async () => {
    const { url: open, stop } = await stack.startApi();
    const as = async (host: string) => {
      const { port } = new URL(open);
      return new Promise<number>((resolve) => {
        const socket = connect(Number(port), '127.0.0.1', () =>
          socket.write(`GET /jobs HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
        );
        let answer = '';
        socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
        socket.on('close', () => resolve(Number(answer.split(' ')[1])));
      });
    };
    for (const host of [
      'localhost',
      'localhost:8000',
      '127.0.0.1:8000',
      '[::1]:8000',
      '127.1.2.3',
      'a.localhost',
    ])
      expect([host, await as(host)]).toEqual([host, 200]);
    for (const host of ['evil.example.com', 'localhost.evil.com', '127.0.0.1.nip.io', '10.0.0.1:8000', ''])
      expect([host, await as(host)]).toEqual([host, 403]);
    await stop();
  });
});

describe('the documentation', () => {
  test('can be restricted to clients with credentials', async () => {
    const { url: closed, stop } = await stack.startApi({ API_KEY_PEPPER, INTERNAL_ACCESS: 'authenticated' });
    const key = await makeKey(stack, randomUUID(), 'runs:read');
    for (const path of ['/docs', '/openapi.json', '/docs/swagger-ui.css']) {
      expect((await fetch(closed + path)).status).toBe(401);
      expect((await fetch(closed + path, { headers: bearer(key) })).status).toBe(200);
    }
    expect((await fetch(`${closed}/livez`)).status).toBe(200);
    await stop();
  });

  test('can have its own port', async () => {
    const port = '8397';
    const { url: api, stop } = await stack.startApi({ INTERNAL_PORT: port });
    expect((await fetch(`${api}/docs`)).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${port}/docs`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${port}/jobs/x`, { method: 'POST' })).status).toBe(404);
    await stop();
  });
});

describe('HTTPS', () => {
  const file = (name: string) => path.join(fromRunner('folder'), `http-server-${name}.pem`);
  const write = ({ cert, key }: { cert: string; key: string }) => {
    writeFileSync(file('cert'), cert);
    writeFileSync(file('key'), key);
  };
  const files = () => ({ TLS_CERT_FILE: file('cert'), TLS_KEY_FILE: file('key') });

  /** The server's certificate, in DER. */
  const shown = (port: number) =>
    new Promise<string>((resolve, reject) => {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().raw.toString('base64'));
        socket.destroy();
      });
      socket.on('error', reject);
    });
  const derOf = (pem: string) => pem.replace(/-----[^-]+-----|\s/g, '');

  test.concurrent(
    'is served with a certificate, and a new one is loaded while connections stay open',
    async () => {
      write(SELF_SIGNED);
      const { url: http, stop } = await stack.startApi(files());
      const secure = http.replace('http:', 'https:');
      const port = Number(new URL(http).port);
      const dispatcher = new Agent({ connect: { ca: SELF_SIGNED.cert } });
      const answer = await fetchWith(`${secure}/jobs`, { dispatcher });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('strict-transport-security')).toContain('max-age');
      await expect(fetch(`${http}/jobs`)).rejects.toThrow();
      expect(await shown(port)).toBe(derOf(SELF_SIGNED.cert));

      // A client that connects and sends nothing does not delay it.
      const silent = connect(port, '127.0.0.1');
      const closed = new Promise((resolve) =>
        silent
          .on('error', () => undefined)
          .on('close', resolve)
          .resume(),
      );
      // First the new certificate, then its key.
      writeFileSync(file('cert'), OTHER_SELF_SIGNED.cert);
      await new Promise((resolve) => setTimeout(resolve, 6_000));
      expect(await shown(port)).toBe(derOf(SELF_SIGNED.cert));
      writeFileSync(file('key'), OTHER_SELF_SIGNED.key);
      await waitFor('the new certificate', async () => (await shown(port)) === derOf(OTHER_SELF_SIGNED.cert));
      expect((await fetchWith(`${secure}/jobs`, { dispatcher })).status).toBe(200);
      await dispatcher.close();
      await closed;
      await stop();
    },
  );

  test.each([
    ['a key of another certificate', () => ({ cert: SELF_SIGNED.cert, key: OTHER_SELF_SIGNED.key })],
    [
      'a file that is not a certificate',
      () => ({ cert: readFileSync('package.json', 'utf8'), key: SELF_SIGNED.key }),
    ],
  ])('with %s the API does not start', async (_, make) => {
    write(make());
    await expect(stack.startApi(files())).rejects.toThrow('ended before it was ready');
  });
});

test('the API names contradictions in its configuration', async () => {
  const run = promisify(execFile)(process.execPath, ['dist/api/main.js'], {
    env: {
      PATH: process.env['PATH'],
      DATABASE_URL: stack.databaseUrl,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      AUTH: 'off',
      API_KEY_PEPPER,
      JWT_AUDIENCE: 'x',
      TLS_KEY_FILE: 'package.json',
    },
  });
  await expect(run).rejects.toMatchObject({
    stderr: expect.stringMatching(/TLS_CERT_FILE: [^]*JWT_AUDIENCE: does nothing[^]*AUTH: is off/),
  });
});

// Takes half a minute: it starts before all others and runs beside them.
test.concurrent(
  'a request that arrives too slowly is aborted, in its headers and in its body, while others are answered',
  async () => {
    const begun = Date.now();
    const trickle = (part: string) => (write: (text: string) => void) => {
      const timer = setInterval(() => write(part), 1_000);
      setTimeout(() => clearInterval(timer), 45_000).unref();
      timer.unref();
    };
    const slow = Promise.all([
      sendRaw('GET /jobs HTTP/1.1\r\nHost: localhost\r\n', trickle('X-A: b\r\n')),
      sendRaw(
        'POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
        trickle(' '),
      ),
    ]);
    expect((await request(`${url}/jobs`)).status).toBe(200);
    const [headers, body] = await slow;
    expect(problemIn(headers)).toMatchObject({ status: 408, code: 'request_timeout' });
    expect(body).toMatch(/^HTTP\/1\.1 4\d\d |^$/);
    // The limits are 15 s for headers and 30 s for the whole request; a slow machine gets more.
    expect(Date.now() - begun).toBeLessThan(60_000);
  },
  90_000,
);
