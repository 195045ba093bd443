import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Resolve } from '../../../../activities/call/ssrf-guard.ts';
import { createGuardedDispatcher, type Dispatcher } from '../../../../activities/call/guarded-dispatcher.ts';
import { HttpTarget } from '../../../../domain/target/http-target.ts';
import { parseAddressRules } from '../../../../platform/address-rules.ts';
import { callTarget } from '../../../support/call-target.ts';
import { startCountingListener, type CountingListener } from '../../../support/counting-listener.ts';
import { hostileUrls } from '../../../support/hostile-urls.ts';

let listener: CountingListener;
beforeAll(async () => {
  listener = await startCountingListener();
});
beforeEach(() => {
  listener.reachedAt.length = 0;
});
afterAll(() => listener.stop());

/** The worst that DNS can say: every name leads to this machine. */
const toLoopback: Resolve = (_host, _options, callback) =>
  setImmediate(callback, null, [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ]);

/** A target at an allowed address that redirects to any of the URLs. */
async function startRedirector(urls: string[]) {
  const server = createServer((request, response) => {
    const location = urls[Number(request.url?.slice(1))] as string;
    response.writeHead(307, { location, connection: 'close' }).end();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.3', () => resolve()));
  const { port } = server.address() as AddressInfo;
  return {
    urls: urls.map((_, index) => `http://127.0.0.3:${port}/${index}`),
    stop: () => new Promise((stopped) => void server.close(stopped).closeAllConnections()),
  };
}

/** What becomes of a URL: how it was refused at creation, or else how its call ended. */
async function tryUrl(dispatcher: Dispatcher, url: string) {
  const parsed = HttpTarget.safeParse({ type: 'http', url, timeout: '30s', followRedirects: true });
  if (!parsed.success) {
    return {
      url,
      isAccepted: false,
      verdict: 'final',
      error: parsed.error.issues[0]?.message ?? null,
    };
  }
  const { verdict, error } = await callTarget(dispatcher, parsed.data);
  return { url, isAccepted: true, verdict, error };
}

async function tryAll(rules: string, urls: string[], resolve?: Resolve) {
  const dispatcher = createGuardedDispatcher(parseAddressRules(rules).rules, resolve);
  return Promise.all(urls.map((url) => tryUrl(dispatcher, url)));
}

/** Calls the listener, which is allowed here. Whoever had connected before would have been counted before. */
async function expectNobodyElse() {
  const [control] = await tryAll('127.0.0.1', [`http://127.0.0.1:${listener.port}/`]);
  expect(control).toMatchObject({ verdict: 'succeeded', error: null });
  expect(listener.reachedAt).toEqual(['127.0.0.1']);
}

/** What is refused as it is written may still come as a parser reads it: by a redirect, or written so. */
const corpus = () => {
  const written = Object.values(hostileUrls(listener.port)).flat();
  const read = written.flatMap((url) => (URL.canParse(url) ? [new URL(url).href] : []));
  return [...new Set([...written, ...read])];
};

test('no hostile URL reaches a listener on this machine', async () => {
  const urls = corpus();
  expect(urls.length).toBeGreaterThanOrEqual(300);
  const attempts = await tryAll('none', urls, toLoopback);
  await expectNobodyElse();
  for (const attempt of attempts) {
    expect(attempt).toMatchObject({
      verdict: 'final',
      error: expect.stringMatching(
        attempt.isAccepted
          ? /is not public \([a-zA-Z0-9]+\); an operator can allow/
          : /is not a URL|is no http or https URL|holds credentials|belongs to another protocol|holds a tab|holds U\+|two slashes|a backslash|would be read as|would be taken out/,
      ),
    });
  }
});

test('no redirect of a target that may be called leads there either', async () => {
  // Only these can stand in a header.
  const urls = corpus().filter((url) => /^\w+:\/\/[\x21-\x7e]+$/.test(url));
  expect(urls.length).toBeGreaterThanOrEqual(200);
  const redirector = await startRedirector(urls);
  const attempts = await tryAll('127.0.0.3', redirector.urls, toLoopback);
  await redirector.stop();
  await expectNobodyElse();
  const answers = attempts.map(({ verdict, error }, index) => ({ url: urls[index], verdict, error }));
  for (const answer of answers) {
    expect(answer).toMatchObject({
      verdict: 'final',
      error: expect.stringMatching(
        /is not public|redirects to what is no URL|redirects to where no call may go/,
      ),
    });
  }
});

test('neither does what this machine itself takes for a name of its own', async () => {
  const urls = ['localhost', 'LOCALHOST'].map((host) => `http://${host}:${listener.port}/`);
  for (const attempt of await tryAll('none', urls)) {
    expect(attempt).toMatchObject({ verdict: 'final', error: expect.stringMatching(/is not public/) });
  }
  await expectNobodyElse();
});

// Without this, the corpus could be harmless.
test('more than fifty of them reach it when an operator allows this machine', async () => {
  const urls = corpus().filter((url) => URL.canParse(url) && new URL(url).port === String(listener.port));
  const attempts = await tryAll('127.0.0.0/8,0.0.0.0/8,::1,::', urls, toLoopback);
  const reached = attempts.filter(({ verdict }) => verdict === 'succeeded').length;
  expect(reached).toBeGreaterThan(50);
  expect(listener.reachedAt.length).toBeGreaterThanOrEqual(reached);
});
