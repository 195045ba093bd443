import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createGuardedDispatcher } from '../../../../activities/call/guarded-dispatcher.ts';
import { HttpTarget } from '../../../../domain/target/http-target.ts';
import { parseAddressRules } from '../../../../platform/address-rules.ts';
import { callTarget } from '../../../support/call-target.ts';
import { startRawServer, type RawServer } from '../../../support/raw-server.ts';

// Responses of targets, byte by byte, and the outcome of the call.

const servers: RawServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function start(answer: (socket: Socket, nth: number) => void) {
  const server = await startRawServer(answer);
  servers.push(server);
  return server;
}

const dispatcher = createGuardedDispatcher(parseAddressRules('127.0.0.1').rules);

async function callAnswered(bytes: string, more: object = {}, keepOpen = false) {
  const server = await start((socket) => {
    socket.write(bytes, 'latin1');
    if (!keepOpen) socket.end();
  });
  const url = `http://127.0.0.1:${server.port}/`;
  const outcome = await callTarget(
    dispatcher,
    HttpTarget.parse({ type: 'http', url, timeout: '2s', ...more }),
  );
  return { ...outcome, requests: server.requests };
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('a status without a body is classified whatever length the response claims', () => {
  test.each([
    [204, 'succeeded'],
    [205, 'succeeded'],
    [304, 'final'],
  ])('%i with a Content-Length', async (status, verdict) => {
    for (const keepOpen of [true, false]) {
      const outcome = await callAnswered(`HTTP/1.1 ${status} X\r\nContent-Length: 10\r\n\r\n`, {}, keepOpen);
      expect(outcome).toMatchObject({ verdict, statusCode: status });
      expect(outcome.requests).toHaveLength(1);
    }
  });

  test('204 with a body, with chunks, or followed by another response', async () => {
    for (const rest of [
      'Content-Length: 3\r\n\r\nabc',
      'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
      `\r\n${OK}`,
    ]) {
      expect(await callAnswered(`HTTP/1.1 204 No Content\r\n${rest}`)).toMatchObject({
        verdict: 'succeeded',
        statusCode: 204,
      });
    }
  });
});

describe('a response that is cut off after its head', () => {
  const CUTS = {
    length: 'Content-Length: 100\r\n\r\nhalf',
    chunk: 'Transfer-Encoding: chunked\r\n\r\nff\r\nhalf',
    'bad chunk': 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n',
  };
  const cases = Object.keys(CUTS) as (keyof typeof CUTS)[];

  test.each(cases)('keeps its status and the beginning of its body (%s)', async (cut) => {
    for (const [status, verdict] of [
      [404, 'final'],
      [410, 'gone'],
      [503, 'retryable'],
      [200, 'retryable'],
    ] as const) {
      expect(await callAnswered(`HTTP/1.1 ${status} X\r\n${CUTS[cut]}`)).toMatchObject({
        verdict,
        statusCode: status,
        responseExcerpt: 'half',
        error: expect.stringMatching(
          new RegExp(`^the target answered ${status}, but not to the end: (the|a) [^\\n]+$`),
        ),
      });
    }
  });

  test('by a reset, or by the timeout', async () => {
    const head = 'HTTP/1.1 404 X\r\nContent-Length: 9\r\n\r\nhalf';
    const server = await start((socket) =>
      socket.write(head, () => setImmediate(() => socket.resetAndDestroy())),
    );
    const target = { type: 'http', url: `http://127.0.0.1:${server.port}/`, timeout: '2s' };
    expect(await callTarget(dispatcher, HttpTarget.parse(target))).toMatchObject({
      verdict: 'final',
      statusCode: 404,
    });
    expect(await callAnswered(head, { timeout: '1s' }, true)).toMatchObject({
      verdict: 'final',
      statusCode: 404,
      error: 'the target answered 404, but not to the end: no complete answer within 1s',
    });
  });

  test('is followed if it is a redirect', async () => {
    const server = await start((socket, nth) => {
      if (server.requests.length > 1) socket.end(OK);
      else socket.end(`HTTP/1.1 307 X\r\nLocation: /next\r\nContent-Length: ${nth + 9}\r\n\r\nhalf`);
    });
    const target = { type: 'http', url: `http://127.0.0.1:${server.port}/`, followRedirects: true };
    expect(await callTarget(dispatcher, HttpTarget.parse(target))).toMatchObject({ statusCode: 200 });
    expect(server.requests[1]).toMatch(/^POST \/next /);
  });
});

test.each([
  ['/ok/\xc3\xbc?q=\xe2\x82\xac', '/ok/%C3%BC?q=%E2%82%AC'],
  ['/ok/%C3%BC', '/ok/%C3%BC'],
  ['/latin1/\xfc', '/latin1/%FC'],
])('a Location of the bytes %j leads to %s, as with curl and browsers', async (location, path) => {
  const server = await start((socket) => {
    if (server.requests.length > 1) socket.end(OK);
    else socket.end(`HTTP/1.1 307 X\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`, 'latin1');
  });
  const target = { type: 'http', url: `http://127.0.0.1:${server.port}/`, followRedirects: true };
  expect(await callTarget(dispatcher, HttpTarget.parse(target))).toMatchObject({ verdict: 'succeeded' });
  expect(server.requests[1]).toContain(`POST ${path} HTTP/1.1\r\n`);
});

test.each(['close', 'resetAndDestroy'] as const)(
  'a target that does not keep connections as it says (%s) gets each call once, on a fresh one',
  async (how) => {
    const server = await start((socket, nth) => {
      if (nth > 1) socket.resetAndDestroy();
      else socket.write(OK, () => how === 'close' && setTimeout(() => socket.end(), 1));
    });
    const target = HttpTarget.parse({ type: 'http', url: `http://127.0.0.1:${server.port}/`, body: 'x' });
    for (let count = 0; count < 20; count += 1)
      expect(await callTarget(dispatcher, target)).toMatchObject({ verdict: 'succeeded', statusCode: 200 });
    expect(server.requests.filter((request) => request.startsWith('POST / '))).toHaveLength(20);
  },
);

test.each([64, 200])('a response with %i KiB of headers is accepted', async (size) => {
  const headers = `X-More: ${'m'.repeat(1_000)}\r\n`.repeat(size);
  expect(await callAnswered(`HTTP/1.1 200 OK\r\n${headers}Content-Length: 2\r\n\r\nok`)).toMatchObject({
    verdict: 'succeeded',
    responseExcerpt: 'ok',
  });
});

test('a header after thousands of others counts', async () => {
  const headers = `a:\r\n`.repeat(5_000);
  expect(
    await callAnswered(`HTTP/1.1 503 X\r\n${headers}Retry-After: 7\r\nContent-Length: 0\r\n\r\n`),
  ).toMatchObject({ retryAfterMs: 7_000 });
});

test.each([
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 102 Processing\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n',
])('%j before a response is skipped', async (before) => {
  expect(await callAnswered(before + OK, { body: 'x' })).toMatchObject({
    verdict: 'succeeded',
    responseExcerpt: 'ok',
  });
});

describe('a response that is not valid HTTP is described in words', () => {
  test.each([
    ['HTTP/1.1 101 X\r\n\r\n', /answered 101, and wants another protocol/],
    ['HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n', /answered 101/],
    [
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      /gives its length more than once/,
    ],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nab', /Content-Length|length/],
    ['HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nab', /Content-Length of the answer is not valid/],
    ['HTTP/1.1 2x0 OK\r\n\r\n', /status line of the answer is not valid/],
    ['HTTP/1.1 20 OK\r\n\r\n', /status line of the answer is not valid/],
    ['HTTP/9.9 200 OK\r\n\r\n', /another version of HTTP/],
    ['220 mail.example ESMTP\r\n', /does not answer in HTTP/],
    [
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nbad name: x\r\n\r\nhello',
      /a header of the answer is not valid/,
    ],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nno colon\r\n\r\nhello', /a header of the answer is not valid/],
    ['HTTP/1.1 200 OK\r\nX: LONG\r\n\r\n', /more than 256 KiB of headers/],
    ['', /closed or reset the connection .* \(ECONNRESET\)/],
    ['HTTP/1.1 200 OK\r\nContent-Le', /closed or reset the connection/],
  ])('%j', async (bytes, words) => {
    const outcome = await callAnswered(bytes.replace('LONG', 'x'.repeat(300_000)), { timeout: '1s' });
    expect(outcome).toMatchObject({
      verdict: 'retryable',
      statusCode: null,
      error: expect.stringMatching(words),
    });
    expect(outcome.error).not.toMatch(/UND_ERR|HPE_|\n|Parse Error|mismatch/);
  });
});

test('a response to HEAD has no body, whatever length it claims', async () => {
  const outcome = await callAnswered(
    'HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Encoding: br\r\nContent-Length: 9999\r\n\r\n',
    { method: 'HEAD' },
    true,
  );
  expect(outcome).toMatchObject({ verdict: 'succeeded', statusCode: 200, responseExcerpt: '' });
  expect(outcome.requests[0]).toMatch(/^HEAD \/ HTTP\/1\.1\r\n/);
  expect(outcome.requests[0]).not.toMatch(/content-(length|type)|transfer-encoding/i);
});

test('headers that describe the body follow it through redirects', async () => {
  const other = await start((socket) => socket.end(OK));
  const headers = { 'Content-Encoding': 'gzip', 'Content-Type': 'a/b', 'X-Private': 'x' };
  for (const [status, goesAlong] of [
    [307, true],
    [303, false],
  ] as const) {
    const location = `http://127.0.0.1:${other.port}/${status}`;
    await callAnswered(`HTTP/1.1 ${status} X\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`, {
      bodyBase64: 'H4sI',
      headers,
      followRedirects: true,
    });
    const request = other.requests.find((head) => head.includes(` /${status} `)) ?? '';
    expect(
      /content-encoding: gzip\r\ncontent-type: a\/b|content-type: a\/b\r\ncontent-encoding: gzip/.test(
        request,
      ),
    ).toBe(goesAlong);
    expect(request).toMatch(goesAlong ? /^POST / : /^GET /);
    expect(request).not.toMatch(/x-private/i);
  }
});

describe('bytes are sent as they are', () => {
  const bytes = Buffer.from([0, 0xff, 0x7b, 0x7b, 0x0d, 0x0a, 0x80]);
  test.each<[object, RegExp]>([
    [{}, /content-type: application\/octet-stream\r\n/],
    [{ method: 'PUT', headers: { 'Content-Type': 'image/png' } }, /^PUT .*content-type: image\/png\r\n/s],
  ])('%j', async (more, head) => {
    const bodyBase64 = bytes.toString('base64');
    const { requests, verdict } = await callAnswered(OK, { bodyBase64, ...more });
    expect(verdict).toBe('succeeded');
    expect(requests.join('')).toMatch(head);
    expect(requests.join('')).toMatch(/content-length: 7\r\n/);
    expect(requests.join('').split('\r\n\r\n')[1]).toBe(bytes.toString('latin1'));
  });

  test('an empty body, too', async () => {
    const { requests } = await callAnswered(OK, { bodyBase64: '' });
    expect(requests.join('')).toMatch(/content-length: 0\r\n/);
  });
});
