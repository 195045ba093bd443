import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiClient } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { createStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('forbidden-targets');
  // As in production: only public addresses are allowed.
  const [service] = await Promise.all([stack.startApi(), stack.startWorker({ HTTP_TARGET_ALLOW: 'none' })]);
  api = apiClient(service.url);
});
afterAll(() => stack.stop());

test.each([
  '127.0.0.1',
  'localhost',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '0.0.0.0',
  '[::127.0.0.1]',
  '169.254.169.254',
  '168.63.129.16',
])('http://%s is not called unless it is allowed', async (host) => {
  const port = new URL(stack.receiver.url).port;
  const job = await api.createJob({
    name: `to ${host}`,
    schedule: { at: '2090-01-01T00:00:00Z' },
    target: { type: 'http', url: `http://${host}:${port}/secret` },
  });
  const run = await endOfRun(api, (await api.runJob(job.id)).id);
  expect(run).toMatchObject({ state: 'failed', reason: expect.stringMatching(/is not public/) });
  // There is no retry: a later attempt would find the same address.
  expect(run.attempts).toHaveLength(1);
  expect(stack.receiver.calls).toHaveLength(0);
});
