import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import type { Context } from '@temporalio/activity';
import { whileHeard, type HeartbeatClient } from '../../../../activities/attempt/liveness.ts';
import type { CallControl } from '../../../../activities/attempt/make.ts';
import { CALL_LEASE_MS, HEARTBEAT_TIMEOUT_MS } from '../../../../domain/run/workflow-contract.ts';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const refusal = (code: status) => Object.assign(new Error('refused'), { code, details: '', metadata: {} });
type Answer = (signal: AbortSignal) => Promise<unknown>;
const accept: Answer = () => Promise.resolve({});
const refuse =
  (code: status): Answer =>
  () =>
    Promise.reject(refusal(code));
/** Nothing comes back; the client gives up at its deadline. */
const silent: Answer = () =>
  new Promise((_, reject) => setTimeout(() => reject(refusal(status.DEADLINE_EXCEEDED)), 2_500));

/** Temporal and an activity that was scheduled some time ago. */
function fakes({ scheduledMsAgo = 0, answer = accept } = {}) {
  const temporal = { answer, asked: 0, signal: undefined as AbortSignal | undefined };
  const client = {
    options: { namespace: 'test' },
    withDeadline: (_: number, call: () => Promise<unknown>) => call(),
    withAbortSignal: (signal: AbortSignal, call: () => Promise<unknown>) => {
      temporal.signal = signal;
      return call();
    },
    workflowService: {
      recordActivityTaskHeartbeat: () => {
        temporal.asked++;
        return temporal.answer(temporal.signal as AbortSignal);
      },
    },
  } as unknown as HeartbeatClient;
  const cancellation = new AbortController();
  const context = {
    info: { taskToken: new Uint8Array(), currentAttemptScheduledTimestampMs: Date.now() - scheduledMsAgo },
    heartbeat: () => undefined,
    cancellationSignal: cancellation.signal,
    cancellationDetails: undefined as unknown,
  };
  let control: CallControl | undefined;
  let end!: () => void;
  const done = whileHeard(client, context as unknown as Context, (given) => {
    control = given;
    return new Promise<string>((resolve) => (end = () => resolve('done')));
  });
  return {
    temporal,
    context,
    cancellation,
    done,
    end: () => end(),
    hasBegun: () => control !== undefined,
    isAborted: () => control?.cancellationSignal.aborted,
    details: () => control?.cancellationDetails,
  };
}

test('a call goes on as long as Temporal accepts heartbeats', async () => {
  const call = fakes();
  expect(call.hasBegun()).toBe(true);
  await jest.advanceTimersByTimeAsync(600_000);
  expect(call.isAborted()).toBe(false);
  expect(call.temporal.asked).toBeGreaterThan(150);
  call.end();
  expect(await call.done).toBe('done');
  const { asked } = call.temporal;
  await jest.advanceTimersByTimeAsync(60_000);
  expect(call.temporal.asked).toBe(asked);
});

test.each([
  ['is silent', silent],
  ['cannot be reached', refuse(status.UNAVAILABLE)],
])('is aborted before Temporal may begin another if it %s', async (_, answer) => {
  const call = fakes();
  await jest.advanceTimersByTimeAsync(31_000);
  // At least one heartbeat was accepted within the last three seconds and a half.
  call.temporal.answer = answer;
  await jest.advanceTimersByTimeAsync(CALL_LEASE_MS - 4_000);
  expect(call.isAborted()).toBe(false);
  await jest.advanceTimersByTimeAsync(5_000);
  expect([call.isAborted(), call.details()]).toEqual([true, undefined]);
  expect(CALL_LEASE_MS + 1_000).toBeLessThan(HEARTBEAT_TIMEOUT_MS);
});

test('goes on if Temporal was away for a moment', async () => {
  const call = fakes();
  for (let round = 0; round < 10; round++) {
    call.temporal.answer = silent;
    await jest.advanceTimersByTimeAsync(6_000);
    call.temporal.answer = accept;
    await jest.advanceTimersByTimeAsync(4_000);
  }
  expect(call.isAborted()).toBe(false);
});

test('is aborted at once if Temporal has closed the activity', async () => {
  const call = fakes();
  call.temporal.answer = refuse(status.NOT_FOUND);
  await jest.advanceTimersByTimeAsync(3_500);
  expect([call.isAborted(), call.details()]).toEqual([true, { cancelRequested: false, notFound: true }]);
});

test('is aborted at once if the activity is cancelled, and says so', async () => {
  const call = fakes();
  call.context.cancellationDetails = { cancelRequested: true, notFound: false };
  call.cancellation.abort();
  expect([call.isAborted(), call.details()]).toEqual([true, { cancelRequested: true, notFound: false }]);
  await jest.advanceTimersByTimeAsync(60_000);
  expect(call.details()).toMatchObject({ cancelRequested: true });
});

test('of a process that was frozen is aborted as it wakes, because another worker may have it', async () => {
  const call = fakes();
  await jest.advanceTimersByTimeAsync(5_000);
  const now = performance.now();
  const clock = jest.spyOn(performance, 'now').mockImplementation(() => now + 30_000);
  // The SDK hears of it before the timer of this process fires.
  call.context.cancellationDetails = { cancelRequested: false, notFound: true };
  call.cancellation.abort();
  expect([call.isAborted(), call.details()]).toEqual([true, undefined]);
  clock.mockRestore();

  const other = fakes();
  const later = performance.now();
  const frozen = jest.spyOn(performance, 'now').mockImplementation(() => later + 30_000);
  await jest.advanceTimersByTimeAsync(500);
  expect([other.isAborted(), other.details()]).toEqual([true, undefined]);
  frozen.mockRestore();
});

test('does not begin before Temporal has accepted a heartbeat, if the task is old', async () => {
  const call = fakes({ scheduledMsAgo: 4_000 });
  expect(call.hasBegun()).toBe(false);
  await jest.advanceTimersByTimeAsync(0);
  expect(call.hasBegun()).toBe(true);
  call.temporal.answer = silent;
  await jest.advanceTimersByTimeAsync(CALL_LEASE_MS + 500);
  expect(call.isAborted()).toBe(true);
});

test('does not begin at all if another worker may have the activity', async () => {
  const call = fakes({ scheduledMsAgo: 14_000, answer: refuse(status.UNAVAILABLE) });
  await expect(call.done).rejects.toThrow('another worker');
  expect(call.hasBegun()).toBe(false);
});

test('a heartbeat on its way when the call ends is cancelled, so that it removes no result', async () => {
  const call = fakes();
  call.temporal.answer = silent;
  await jest.advanceTimersByTimeAsync(3_200);
  expect([call.temporal.asked, call.temporal.signal?.aborted]).toEqual([1, false]);
  call.end();
  await call.done;
  expect(call.temporal.signal?.aborted).toBe(true);
});
