import { createServer as createHttpServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Resolve } from '../../../../activities/call/ssrf-guard.ts';
import {
  createGuardedDispatcher,
  type OutboundSettings,
} from '../../../../activities/call/guarded-dispatcher.ts';
import { HttpTarget } from '../../../../domain/target/http-target.ts';
import { parseAddressRules } from '../../../../platform/address-rules.ts';
import { parseProxy, parseProxyExceptions, type OutboundProxy } from '../../../../platform/outbound-proxy.ts';
import { callTarget } from '../../../support/call-target.ts';
import { startConnectProxy } from '../../../support/connect-proxy.ts';
import { PRIVATE_AUTHORITY, PRIVATELY_SIGNED } from '../../../support/private-authority.ts';
import { startRawServer } from '../../../support/raw-server.ts';
import { resolveTo } from '../../../support/resolve-to.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

/** A public address. The proxies of these tests connect to a server on this machine for it. */
const PUBLIC = '93.184.216.34';

async function listen(server: Server, address = '127.0.0.1'): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, address, resolve));
  stops.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A target that records the headers of each call, and redirects if the test says where to. */
async function startTarget(options: { certificate?: object; location?: string } = {}) {
  const calls: IncomingHttpHeaders[] = [];
  const { certificate, location } = options;
  const server = certificate ? createTlsServer(certificate) : createHttpServer();
  server.on('request', ({ headers }, response) => {
    calls.push(headers);
    response.setHeader('connection', 'close');
    if (location) response.writeHead(302, { location });
    response.end('here');
  });
  return { port: await listen(server), calls };
}

async function startProxy(...args: Parameters<typeof startConnectProxy>) {
  const proxy = await startConnectProxy(...args);
  stops.push(proxy.stop);
  return proxy;
}

const proxyAt = (text: string) => parseProxy(text, 'HTTPS_PROXY') as OutboundProxy;
const through = (text: string, more: OutboundSettings = {}): OutboundSettings => {
  const proxy = proxyAt(text);
  return { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, ...more };
};

function call(
  url: string,
  wayOut: OutboundSettings,
  { resolve, rules = '', ...more }: { resolve?: Resolve; rules?: string; [field: string]: unknown } = {},
) {
  const dispatcher = createGuardedDispatcher(parseAddressRules(rules).rules, resolve, wayOut);
  return callTarget(dispatcher, HttpTarget.parse({ type: 'http', url, timeout: '20s', ...more }));
}

describe('a call', () => {
  test('goes through the proxy to the checked address, and carries the name', async () => {
    const target = await startTarget();
    const proxy = await startProxy(target.port);
    const wayOut = through(`user:p%40ss@127.0.0.1:${proxy.port}`);
    const outcome = await call('http://target.example/', wayOut, { resolve: resolveTo(PUBLIC) });
    expect(outcome).toMatchObject({ verdict: 'succeeded', responseExcerpt: 'here' });
    expect(proxy.requests).toEqual([
      {
        line: `CONNECT ${PUBLIC}:80`,
        host: `${PUBLIC}:80`,
        authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
      },
    ]);
    expect(target.calls).toEqual([expect.objectContaining({ host: 'target.example' })]);
    // The target must not get the credentials of the proxy.
    expect(target.calls[0]).not.toHaveProperty('proxy-authorization');
  });

  test('by https is verified against the name, though the proxy gets the address', async () => {
    const target = await startTarget({ certificate: PRIVATELY_SIGNED });
    const proxy = await startProxy(target.port);
    const wayOut = through(`127.0.0.1:${proxy.port}`, { TARGET_CA_FILE: Buffer.from(PRIVATE_AUTHORITY) });
    const resolve = resolveTo(PUBLIC);
    expect(await call('https://target.example:8443/', wayOut, { resolve })).toMatchObject({
      verdict: 'succeeded',
    });
    expect(proxy.requests[0]?.line).toBe(`CONNECT ${PUBLIC}:8443`);
    expect(await call('https://other.example/', wayOut, { resolve })).toMatchObject({
      verdict: 'retryable',
      error: expect.stringMatching(/^the certificate of the target is not valid: .*other\.example/),
    });
    expect(target.calls).toEqual([expect.objectContaining({ host: 'target.example:8443' })]);
  });

  test('goes through a proxy that speaks TLS itself, by http and https', async () => {
    const plain = await startTarget();
    const secure = await startTarget({ certificate: PRIVATELY_SIGNED });
    for (const [url, port] of [
      [`http://${PUBLIC}/`, plain.port],
      [`https://${PUBLIC}/`, secure.port],
    ] as const) {
      const proxy = await startProxy(port, { certificate: PRIVATELY_SIGNED });
      const trusting = { TARGET_CA_FILE: Buffer.from(PRIVATE_AUTHORITY) };
      const outcome = await call(url, through(`https://proxy.example:${proxy.port}`, trusting), {
        resolve: resolveTo('127.0.0.1'),
      });
      expect(outcome).toMatchObject({ verdict: 'succeeded', responseExcerpt: 'here' });
      expect(await call(url, through(`https://127.0.0.1:${proxy.port}`))).toMatchObject({
        error: expect.stringMatching(
          /^the proxy \(HTTPS_PROXY\) cannot be used: the certificate of the proxy is not trusted: /,
        ),
      });
      expect(proxy.requests).toHaveLength(1);
    }
  });

  test('bypasses the proxy for NO_PROXY and for this machine', async () => {
    const target = await startTarget();
    const proxy = await startProxy(target.port);
    const wayOut = through(`127.0.0.1:${proxy.port}`, {
      NO_PROXY: parseProxyExceptions('direct.example').exceptions,
    });
    const resolve = resolveTo('127.0.0.1');
    for (const host of ['direct.example', 'localhost', '127.0.0.1', 'loopback.example'])
      for (const TARGET_PROXY_RESOLVES of [false, host === 'localhost'])
        expect(
          await call(
            `http://${host}:${target.port}/`,
            { ...wayOut, TARGET_PROXY_RESOLVES },
            { resolve, rules: '127.0.0.1' },
          ),
        ).toMatchObject({ verdict: 'succeeded' });
    expect(proxy.requests).toEqual([]);
  });

  test('tries the other addresses of a name if the proxy cannot connect to one', async () => {
    const target = await startTarget();
    const proxy = await startProxy(target.port, {
      status: (authority) => (authority.startsWith('[') ? 502 : 200),
    });
    const outcome = await call('http://target.example/', through(`127.0.0.1:${proxy.port}`), {
      resolve: resolveTo('2606:2800:220:1::1', PUBLIC),
    });
    expect(outcome).toMatchObject({ verdict: 'succeeded' });
    expect(proxy.requests.map(({ line }) => line)).toEqual([
      'CONNECT [2606:2800:220:1::1]:80',
      `CONNECT ${PUBLIC}:80`,
    ]);
  });

  test('reads bytes that follow directly after the response of the proxy', async () => {
    const silent = await startRawServer(() => undefined);
    stops.push(silent.stop);
    const proxy = await startProxy(silent.port, {
      greeting: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly',
    });
    expect(await call(`http://${PUBLIC}/`, through(`127.0.0.1:${proxy.port}`))).toMatchObject({
      verdict: 'succeeded',
      responseExcerpt: 'early',
    });
  });
});

describe('a forbidden address is not called through a proxy either', () => {
  const FORBIDDEN = { verdict: 'final', error: expect.stringMatching(/is not public/) };

  test.each<[string, string[]?]>([
    ['http://10.0.0.1/'],
    ['http://169.254.169.254/latest/meta-data'],
    ['https://[::ffff:127.0.0.1]/'],
    ['http://localhost/', ['127.0.0.1']],
    ['https://rebinding.example/', ['127.0.0.1']],
    ['http://rebinding.example/', [PUBLIC, '10.0.0.1']],
  ])('%s (%j)', async (url, addresses = []) => {
    const proxy = await startProxy(1);
    const resolve = resolveTo(...addresses);
    for (const TARGET_PROXY_RESOLVES of addresses.length > 0 && !url.includes('localhost')
      ? [false]
      : [false, true])
      expect(
        await call(url, through(`127.0.0.1:${proxy.port}`, { TARGET_PROXY_RESOLVES }), { resolve }),
      ).toMatchObject(FORBIDDEN);
    expect(proxy.requests).toEqual([]);
  });

  test('a redirect to a forbidden address', async () => {
    for (const location of [
      'http://10.0.0.1/',
      'http://0x7f.1/',
      'http://127.0.0.1:81/',
      'http://inside.example/',
    ]) {
      const target = await startTarget({ location });
      const proxy = await startProxy(target.port);
      const resolve: Resolve = (host, options, callback) =>
        resolveTo(host === 'inside.example' ? '192.168.0.1' : PUBLIC)(host, options, callback);
      const outcome = await call('http://target.example/', through(`127.0.0.1:${proxy.port}`), {
        resolve,
        followRedirects: true,
        method: 'GET',
      });
      expect(outcome).toMatchObject(FORBIDDEN);
      expect(proxy.requests).toHaveLength(1);
    }
  });
});

describe('a proxy that resolves names', () => {
  const never: Resolve = () => {
    throw new Error('nobody is to ask for a name here');
  };

  test('gets the names, and this machine resolves none', async () => {
    const target = await startTarget();
    const proxy = await startProxy(target.port);
    const wayOut = through(`127.0.0.1:${proxy.port}`, { TARGET_PROXY_RESOLVES: true });
    expect(await call('http://target.example:81/', wayOut, { resolve: never })).toMatchObject({
      verdict: 'succeeded',
    });
    expect(await call('http://crm.internal/', wayOut, { resolve: never, rules: '*.internal' })).toMatchObject(
      {
        verdict: 'succeeded',
      },
    );
    expect(proxy.requests.map(({ line }) => line)).toEqual([
      'CONNECT target.example:81',
      'CONNECT crm.internal:80',
    ]);
  });

  test.each(['metadata.google.internal', 'postgres', 'printer.local.', 'KUBERNETES', 'nas.home.arpa'])(
    'is not told %s',
    async (host) => {
      const proxy = await startProxy(1);
      const wayOut = through(`127.0.0.1:${proxy.port}`, { TARGET_PROXY_RESOLVES: true });
      expect(await call(`http://${host}/`, wayOut, { resolve: never })).toMatchObject({
        verdict: 'final',
        error: expect.stringMatching(
          /^the name .* is not public; an operator can allow it with HTTP_TARGET_ALLOW$/,
        ),
      });
      expect(proxy.requests).toEqual([]);
    },
  );
});

describe('a failure of a proxy is described without its credentials, and is no response of the target', () => {
  const words = async (wayOut: OutboundSettings, resolve?: Resolve) => {
    const outcome = await call(`https://${PUBLIC}/`, wayOut, {
      ...(resolve ? { resolve } : {}),
      timeout: '2s',
    });
    expect(outcome).toMatchObject({ verdict: 'retryable', statusCode: null, responseExcerpt: null });
    expect(outcome.error).not.toMatch(/secret|c2VjcmV0/);
    return outcome.error;
  };

  test.each([
    [407, 'the proxy (HTTPS_PROXY) asks for other credentials than those in HTTPS_PROXY, if any (407)'],
    [403, `the proxy (HTTPS_PROXY) does not let calls go to ${PUBLIC}:443 (403)`],
    [502, `the proxy (HTTPS_PROXY) could not connect to ${PUBLIC}:443 (502)`],
    [410, `the proxy (HTTPS_PROXY) answered CONNECT to ${PUBLIC}:443 with 410`],
    [0, 'no complete answer within 2s: the proxy (HTTPS_PROXY) opened no connection'],
  ])('%d', async (status, said) => {
    const proxy = await startProxy(1, { status });
    expect(await words(through(`user:secret@127.0.0.1:${proxy.port}`))).toBe(said);
    expect(proxy.requests).toHaveLength(1);
  });

  test('a proxy that refuses every address is called once', async () => {
    const proxy = await startProxy(1, { status: 407 });
    const resolve = resolveTo(PUBLIC, '8.8.8.8', '2606:2800:220:1::1');
    await call('http://target.example/', through(`127.0.0.1:${proxy.port}`), { resolve });
    expect(proxy.requests).toHaveLength(1);
  });

  test('no proxy there, and a server that is no proxy', async () => {
    const silent = await startRawServer((socket) => socket.end());
    const other = await startRawServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    stops.push(silent.stop, other.stop);
    const gone = await startProxy(1);
    await gone.stop();
    const start = 'the proxy (HTTPS_PROXY) cannot be used: ';
    expect(await words(through(`user:secret@127.0.0.1:${gone.port}`))).toBe(
      `${start}the connection to 127.0.0.1:${gone.port} was refused (ECONNREFUSED)`,
    );
    expect(await words(through(`user:secret@127.0.0.1:${silent.port}`))).toBe(
      `${start}the proxy closed or reset the connection before its answer was complete (ECONNRESET)`,
    );
    expect(await words(through(`user:secret@127.0.0.1:${other.port}`))).toBe(
      `${start}the proxy does not answer in HTTP/1.1`,
    );
    expect(await words(through(`https://user:secret@127.0.0.1:${other.port}`))).toBe(
      `${start}the proxy does not speak TLS at this port`,
    );
    const unknown: Resolve = (hostname, _options, callback) =>
      setImmediate(callback, Object.assign(new Error('x'), { code: 'ENOTFOUND', hostname }), []);
    expect(await words(through('http://user:secret@proxy.example:1'), unknown)).toBe(
      `${start}the name proxy.example is unknown to DNS (ENOTFOUND)`,
    );
  });
});
