import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Run } from '../../domain/run/run.ts';
import { apiClient } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { startHostileReceiver, type HostileReceiver } from '../support/hostile-receiver.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';

let stack: Stack;
let api: ReturnType<typeof apiClient>;
let worker: ServiceProcess;
let receiver: HostileReceiver;

beforeAll(async () => {
  stack = await createStack('hostile-receivers');
  const [service] = await Promise.all([
    stack.startApi(),
    stack.startWorker().then((started) => (worker = started)),
  ]);
  api = apiClient(service.url);
  receiver = await startHostileReceiver();
});
afterAll(async () => {
  await stack.stop();
  await receiver.stop();
});

/** Peak memory of the worker, in megabytes. */
const peakMegabytes = () =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${worker.process.child.pid}/status`, 'utf8'))?.[1]) /
  1_024;

/** Long enough for every answer that comes, also on a busy machine, and short enough for those that never come. */
async function runAgainst(url: string, timeout = '30s'): Promise<Run> {
  const job = await api.createJob({
    name: url,
    schedule: { at: '2090-01-01T00:00:00Z' },
    target: { type: 'http', url, timeout },
    retry: { maxAttempts: 2, initialInterval: '100ms' },
  });
  return endOfRun(api, (await api.runJob(job.id)).id, 120_000);
}

// As documented in docs/targets.md.
const BROKEN = { state: 'failed', attempts: 2, statusCode: null, excerpt: null };
/** The status and headers arrived, but not the whole body. */
const HALF = { ...BROKEN, statusCode: 200 };
const WELL = { state: 'succeeded', attempts: 1, statusCode: 200, excerpt: null };
const CASES: [
  string,
  { state: string; attempts: number; statusCode: number | null; excerpt: unknown; error?: RegExp },
][] = [
  ['/reset', { ...BROKEN, error: /closed or reset the connection .* \(ECONNRESET\)/ }],
  ['/hang-up', { ...BROKEN, error: /closed or reset the connection/ }],
  ['/silence', { ...BROKEN, error: /no complete answer within 3s/ }],
  ['/no-http', { ...BROKEN, error: /does not answer in HTTP/ }],
  ['/half', { ...HALF, excerpt: 'half', error: /answered 200, but not to the end: .*closed/ }],
  ['/half-chunk', { ...HALF, excerpt: 'half', error: /answered 200, but not to the end: .*closed/ }],
  ['/bad-chunk', { ...HALF, excerpt: '', error: /answered 200, but not to the end: .*chunks/ }],
  ['/two-lengths', { ...BROKEN, error: /gives its length more than once/ }],
  ['/endless-headers', { ...BROKEN, error: /more than 256 KiB of headers/ }],
  ['/endless-informational', { ...BROKEN, error: /no complete answer within 3s/ }],
  ['/endless-body', { ...WELL, excerpt: 'x'.repeat(1_024) }],
  ['/endless-error', { ...BROKEN, statusCode: 500, excerpt: 'y'.repeat(1_024), error: /answered 500/ }],
  ['/drip-headers', { ...BROKEN, error: /no complete answer within 3s/ }],
  ['/drip-body', { ...HALF, excerpt: expect.stringMatching(/^\.+$/), error: /no complete answer within 3s/ }],
  ['/gzip-bomb', { ...WELL, excerpt: '\ufffd'.repeat(1_024) }],
  ['/brotli-bomb', { ...WELL, excerpt: 'z'.repeat(1_024) }],
  ['/cut-brotli', { ...HALF, excerpt: expect.stringMatching(/^0 1 2 .{20,}/) }],
  ['/binary', { ...WELL, excerpt: '(4 bytes of image/png)' }],
  ['/odd-text', { ...WELL, excerpt: 'a\ufffdb\ufffd=' }],
  ['/lying-type', { ...WELL, excerpt: '{{{{{' }],
  ['/bad-retry-after', { ...BROKEN, statusCode: 429, excerpt: '' }],
];

test('each kind of bad answer ends its run as documented, in bounded time and memory', async () => {
  await runAgainst(`http://127.0.0.1:${receiver.port}/lying-type?first`);
  const before = peakMegabytes();
  const runs = await Promise.all(
    CASES.map(([path, { error }]) =>
      runAgainst(
        `http://127.0.0.1:${receiver.port}${path}`,
        error?.source.includes('within 3s') ? '3s' : '30s',
      ),
    ),
  );
  for (const [index, [path, expected]] of CASES.entries()) {
    const { state, attempts, reason } = runs[index] as Run;
    const last = attempts.at(-1);
    expect([path, state, attempts.length, last?.statusCode, last?.responseExcerpt]).toEqual([
      path,
      expected.state,
      expected.attempts,
      expected.statusCode,
      expected.excerpt,
    ]);
    if (expected.error) expect([path, reason]).toEqual([path, expect.stringMatching(expected.error)]);
    for (const attempt of attempts) expect(attempt.durationMs).toBeLessThan(30_000);
  }
  // Three receivers send without end, and are cut off early. What they send beyond that is in the buffers of the system.
  expect(receiver.bytesSent()).toBeLessThan(768 * 1_024 * 1_024);
  expect(peakMegabytes() - before).toBeLessThan(150);
});

test('a call fails if the target does not speak TLS, or if its certificate is not trusted', async () => {
  const noTls = await runAgainst(`https://127.0.0.1:${receiver.port}/no-http`);
  expect(noTls).toMatchObject({
    state: 'failed',
    reason: expect.stringMatching(/does not speak TLS at this port/),
  });
  expect(noTls.attempts).toHaveLength(2);

  let requests = 0;
  const server = createServer(SELF_SIGNED, (_, response) => void response.end(String(++requests)));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', () => resolve()));
  const selfSigned = await runAgainst(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  server.close().closeAllConnections();
  expect(selfSigned).toMatchObject({
    state: 'failed',
    reason: expect.stringMatching(/certificate of the target is not trusted: .*SELF_SIGNED/),
  });
  expect(requests).toBe(0);
});
