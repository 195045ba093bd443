import { createServer as createHttpServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { connectFirst } from '../../../../activities/call/happy-eyeballs.ts';
import { describeError } from '../../../../activities/call/describe-error.ts';
import type { Resolve } from '../../../../activities/call/ssrf-guard.ts';
import { createGuardedDispatcher } from '../../../../activities/call/guarded-dispatcher.ts';
import { HttpTarget } from '../../../../domain/target/http-target.ts';
import { parseAddressRules } from '../../../../platform/address-rules.ts';
import { callTarget } from '../../../support/call-target.ts';
import { startRawServer } from '../../../support/raw-server.ts';
import { SELF_SIGNED } from '../../../support/self-signed.ts';
import { resolveTo } from '../../../support/resolve-to.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function listen(server: Server, address = '127.0.0.1', port = 0): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(port, address, () => resolve()));
  stops.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

const answering = (text: string) =>
  createHttpServer((_, response) => response.setHeader('connection', 'close').end(text));

function call(url: string, resolve?: Resolve, rules = '127.0.0.0/8,::1', more: object = {}) {
  const dispatcher = createGuardedDispatcher(parseAddressRules(rules).rules, resolve);
  return callTarget(dispatcher, HttpTarget.parse({ type: 'http', url, timeout: '5s', ...more }));
}

describe('a name with several addresses', () => {
  test('is called at the first address that accepts', async () => {
    const port = await listen(answering('here'), '127.0.0.9');
    for (const addresses of [
      ['127.0.0.8', '127.0.0.9'],
      ['::1', '127.0.0.8', '127.0.0.7', '127.0.0.9'],
    ])
      expect(await call(`http://several.example:${port}/`, resolveTo(...addresses))).toMatchObject({
        verdict: 'succeeded',
        responseExcerpt: 'here',
      });
  });

  test('that all refuse has the error of each address', async () => {
    const port = await listen(answering('here'), '127.0.0.9');
    const { error } = await call(`http://several.example:${port}/`, resolveTo('127.0.0.7', '127.0.0.8'));
    expect(error).toBe(
      `the connection to 127.0.0.7:${port} was refused (ECONNREFUSED); the connection to 127.0.0.8:${port} was refused (ECONNREFUSED)`,
    );
  });

  test('does not wait for an address that is silent', async () => {
    const port = await listen(answering('here'));
    // An address for documentation (RFC 5737): nothing answers there, or the system has no route to it.
    const socket = await connectFirst(['192.0.2.1', '127.0.0.1'], port, AbortSignal.timeout(5_000));
    expect(socket.remoteAddress).toBe('127.0.0.1');
    socket.destroy();
  });

  test('localhost is this machine in both address families, where both are allowed', async () => {
    const port = await listen(answering('six'), '::1');
    const one = resolveTo('127.0.0.1');
    for (const host of ['localhost', 'LOCALHOST.', 'app.localhost'])
      expect(await call(`http://${host}:${port}/`, one)).toMatchObject({ responseExcerpt: 'six' });
    expect(await call(`http://localhost:${port}/`, one, '127.0.0.1')).toMatchObject({
      error: expect.stringMatching(/^the connection to 127.0.0.1:\d+ was refused \(ECONNREFUSED\)$/),
    });
    expect(await call(`http://other.example:${port}/`, one)).toMatchObject({ verdict: 'retryable' });
  });
});

test('a call can be aborted while it resolves, connects and negotiates TLS', async () => {
  const silent = await startRawServer(() => undefined);
  stops.push(silent.stop);
  const never: Resolve = () => undefined;
  const urls: [string, Resolve?][] = [
    ['http://never.example/', never],
    [`https://127.0.0.1:${silent.port}/`],
    [`http://127.0.0.1:${silent.port}/`],
  ];
  for (const [url, resolve] of urls)
    expect(await call(url, resolve, '127.0.0.1', { timeout: '1s' })).toMatchObject({
      statusCode: null,
      error: 'no complete answer within 1s',
    });
});

describe('a TLS failure is described in one line', () => {
  test('a self-signed certificate', async () => {
    const port = await listen(createTlsServer(SELF_SIGNED));
    expect(await call(`https://127.0.0.1:${port}/`)).toMatchObject({
      error:
        'the certificate of the target is not trusted: self-signed certificate (DEPTH_ZERO_SELF_SIGNED_CERT)',
    });
  });

  test('plain HTTP, and a closed connection', async () => {
    const plain = await startRawServer((socket) => socket.end('HTTP/1.1 400 Bad\r\n\r\n'));
    const closing = await startRawServer((socket) => socket.end());
    stops.push(plain.stop, closing.stop);
    expect(await call(`https://127.0.0.1:${plain.port}/`)).toMatchObject({
      error: 'the target does not speak TLS at this port',
    });
    expect(await call(`https://127.0.0.1:${closing.port}/`)).toMatchObject({
      error: expect.stringMatching(/^the target closed .*$/),
    });
  });

  test('a target with HTTP/2 only', async () => {
    const port = await listen(createSecureServer(SELF_SIGNED));
    const { error } = await call(`https://127.0.0.1:${port}/`);
    expect(error).toBe(
      'the target refuses HTTP/1.1 over TLS (ALPN); it must speak it, also if it speaks HTTP/2',
    );
  });

  test('old versions of TLS', async () => {
    const port = await listen(
      createTlsServer({ ...SELF_SIGNED, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }),
    );
    const { error } = await call(`https://127.0.0.1:${port}/`);
    expect(error).toBe('the target does not speak TLS 1.2 or a later version');
  });
});

test.each<[unknown, string]>([
  [Object.assign(new Error('a\n  b\u0000c'), { code: 'ERR_NEW' }), 'a b c (ERR_NEW)'],
  [new Error(''), 'the call failed'],
  [
    Object.assign(new Error('80EC:error:0A00:SSL routines:f:some new reason:x.c:3:\n'), { code: 'EPROTO' }),
    'TLS failed: some new reason',
  ],
  [Object.assign(new Error('x'), { code: 'HPE_NEW_STATE' }), 'the answer is not valid HTTP/1.1'],
  ['thrown', 'thrown'],
])('an unexpected error is described in one short line: %p', (error, words) => {
  expect(describeError(error)).toBe(words);
  expect(describeError(new Error('long '.repeat(1_000))).length).toBeLessThan(300);
});
