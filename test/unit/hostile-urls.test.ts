import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Agent } from 'undici';
import { callHttp } from '../../activities/call-http.ts';
import { createGuardedDispatcher, type Resolve } from '../../activities/guarded-dispatcher.ts';
import { HttpTarget } from '../../domain/target.ts';
import { parseAddressRules } from '../../platform/address-rules.ts';
import { startCountingListener, type CountingListener } from '../support/counting-listener.ts';
import { hostileUrls } from '../support/hostile-urls.ts';

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

/** What becomes of a URL: how it was refused at creation, or else how its call ended. */
async function tryUrl(dispatcher: Agent, url: string) {
  const parsed = HttpTarget.safeParse({ type: 'http', url, timeout: '2s' });
  if (!parsed.success) {
    return {
      url,
      isAccepted: false,
      succeeded: false,
      retryable: false,
      error: parsed.error.issues[0]?.message ?? null,
    };
  }
  const { succeeded, retryable, error } = await callHttp(
    dispatcher,
    parsed.data,
    {},
    new AbortController().signal,
  );
  return { url, isAccepted: true, succeeded, retryable, error };
}

async function tryAll(rules: string, urls: string[], resolve?: Resolve) {
  const dispatcher = createGuardedDispatcher(parseAddressRules(rules).rules, resolve);
  try {
    return await Promise.all(urls.map((url) => tryUrl(dispatcher, url)));
  } finally {
    await dispatcher.close();
  }
}

/** Calls the listener, which is allowed here. Whoever had connected before would have been counted before. */
async function expectNobodyElse() {
  const [control] = await tryAll('127.0.0.1', [`http://127.0.0.1:${listener.port}/`]);
  expect(control).toMatchObject({ succeeded: true, error: null });
  expect(listener.reachedAt).toEqual(['127.0.0.1']);
}

const corpus = () => [...new Set(Object.values(hostileUrls(listener.port)).flat())];

test('no hostile URL reaches a listener on this machine', async () => {
  const urls = corpus();
  expect(urls.length).toBeGreaterThanOrEqual(300);
  const attempts = await tryAll('none', urls, toLoopback);
  await expectNobodyElse();
  for (const attempt of attempts) {
    expect(attempt).toMatchObject({
      succeeded: false,
      retryable: false,
      error: expect.stringMatching(
        attempt.isAccepted
          ? /is not public \([a-zA-Z0-9]+\); an operator can allow/
          : /is not a URL|is no http or https URL|holds credentials|belongs to another protocol/,
      ),
    });
  }
});

test('neither does what this machine itself takes for a name of its own', async () => {
  const urls = ['localhost', 'LOCALHOST', 'ⓛⓞⓒⓐⓛⓗⓞⓢⓣ'].map((host) => `http://${host}:${listener.port}/`);
  for (const attempt of await tryAll('none', urls)) {
    expect(attempt).toMatchObject({ succeeded: false, error: expect.stringMatching(/is not public/) });
  }
  await expectNobodyElse();
});

// Without this, the corpus could be harmless.
test('more than a hundred of them reach it when an operator allows this machine', async () => {
  const urls = corpus().filter((url) => URL.canParse(url) && new URL(url).port === String(listener.port));
  const attempts = await tryAll('127.0.0.0/8,0.0.0.0/8,::1,::', urls, toLoopback);
  const reached = attempts.filter(({ succeeded }) => succeeded).length;
  expect(reached).toBeGreaterThan(100);
  expect(listener.reachedAt.length).toBeGreaterThanOrEqual(reached);
});
