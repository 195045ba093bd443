import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Resolve } from '../../../../activities/call/ssrf-guard.ts';
import { createGuardedDispatcher, type Dispatcher } from '../../../../activities/call/guarded-dispatcher.ts';
import { parseUrl } from '../../../../domain/parse-url.ts';
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

/** The worst answer of DNS: every name resolves to this machine. */
const toLoopback: Resolve = (_host, _options, callback) =>
  setImmediate(callback, null, [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ]);

/** A target at an allowed address that redirects to each of the URLs. */
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

/** Why a URL was refused at creation, or how its call ended. */
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

/** Calls the listener, which is allowed here. A connection from before would be counted by now. */
async function expectNobodyElse() {
  const [control] = await tryAll('127.0.0.1', [`http://127.0.0.1:${listener.port}/`]);
  expect(control).toMatchObject({ verdict: 'succeeded', error: null });
  expect(listener.reachedAt).toEqual(['127.0.0.1']);
}

/** A URL that is refused as written may still arrive in the form that a parser makes of it, for example by a redirect. */
const corpus = () => {
  const written = Object.values(hostileUrls(listener.port)).flat();
  const read = written.flatMap((url) => parseUrl(url)?.href ?? []);
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

test('no redirect from an allowed target reaches it either', async () => {
  // Other characters cannot stand in a header.
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

test('nor does a name that the system takes for this machine', async () => {
  const urls = ['localhost', 'LOCALHOST'].map((host) => `http://${host}:${listener.port}/`);
  for (const attempt of await tryAll('none', urls)) {
    expect(attempt).toMatchObject({ verdict: 'final', error: expect.stringMatching(/is not public/) });
  }
  await expectNobodyElse();
});

// Proves that the corpus is not harmless.
test('more than fifty of the URLs reach it if the operator allows this machine', async () => {
  const urls = corpus().filter((url) => parseUrl(url)?.port === String(listener.port));
  const attempts = await tryAll('127.0.0.0/8,0.0.0.0/8,::1,::', urls, toLoopback);
  const reached = attempts.filter(({ verdict }) => verdict === 'succeeded').length;
  expect(reached).toBeGreaterThan(50);
  expect(listener.reachedAt.length).toBeGreaterThanOrEqual(reached);
});
