import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import {
  createInFlightCalls,
  MAX_IN_FLIGHT_CALLS,
  START_WITHIN_MS,
} from '../../../../activities/attempt/in-flight-calls.ts';
import type { CallControl } from '../../../../activities/attempt/make.ts';
import { Policy } from '../../../../domain/job/policy.ts';
import { workflowOf } from '../../../../domain/job/run-workflow.ts';
import {
  CALL_LEASE_MS,
  HEARTBEAT_TIMEOUT_MS,
  type NextStep,
} from '../../../../domain/run/workflow-contract.ts';

const step: NextStep = { next: 'retry', delayMs: 5 };
const logger = { warn: () => undefined };

/** A call that ends when the test says so, or when it is aborted. */
function heldCall() {
  let answer!: (step: NextStep) => void;
  let control: CallControl | undefined;
  let times = 0;
  const make = (given: CallControl) => {
    control = given;
    times++;
    return new Promise<NextStep>((resolve, reject) => {
      answer = resolve;
      given.cancellationSignal.addEventListener('abort', () => reject(new Error('aborted')));
    });
  };
  return {
    make,
    answer: () => answer(step),
    isAborted: () => control?.cancellationSignal.aborted,
    details: () => control?.cancellationDetails,
    times: () => times,
  };
}

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test('answers a call that ends soon, and forgets it', async () => {
  const calls = createInFlightCalls('own', logger);
  const call = heldCall();
  const result = calls.start('run', 0, call.make);
  call.answer();
  expect(await result).toBe(step);
  expect(calls.attach('run')).toBeUndefined();
});

test('a call that takes longer is detached, until an activity attaches to it', async () => {
  const calls = createInFlightCalls('own', logger);
  const call = heldCall();
  const result = calls.start('run', 0, call.make);
  await jest.advanceTimersByTimeAsync(1_999);
  // Temporal, which did not hear of the first local activity, starts it again: it waits for the same call.
  const again = calls.join('run', 0);
  await jest.advanceTimersByTimeAsync(1);
  expect(await result).toBeUndefined();
  await jest.advanceTimersByTimeAsync(2_000);
  expect(await again).toBeUndefined();
  expect(call.times()).toBe(1);

  // The same once the call is detached: it may go on for longer by the newer task.
  await jest.advanceTimersByTimeAsync(5_000);
  const late = calls.join('run', 0);
  await jest.advanceTimersByTimeAsync(9_000);
  expect([await late, call.isAborted(), call.times()]).toEqual([undefined, false, 1]);

  const attached = calls.attach('run');
  expect(attached).toBeDefined();
  await jest.advanceTimersByTimeAsync(60_000);
  expect(call.isAborted()).toBe(false);
  call.answer();
  expect(await attached?.step).toBe(step);
});

test('a call that no activity attaches to is aborted, and nothing is recorded', async () => {
  const calls = createInFlightCalls('own', logger);
  const call = heldCall();
  const result = calls.start('run', 0, call.make);
  await jest.advanceTimersByTimeAsync(2_000);
  expect(await result).toBeUndefined();
  await jest.advanceTimersByTimeAsync(CALL_LEASE_MS - 2_001);
  expect(call.isAborted()).toBe(false);
  await jest.advanceTimersByTimeAsync(1);
  expect(call.isAborted()).toBe(true);
  expect(call.details()).toBeUndefined();
  expect(calls.attach('run')).toBeUndefined();
});

test('a call is aborted the sooner, the later its task was', async () => {
  const calls = createInFlightCalls('own', logger);
  const call = heldCall();
  const result = calls.start('run', 2_900, call.make);
  await jest.advanceTimersByTimeAsync(CALL_LEASE_MS - 2_901);
  expect([await result, call.isAborted()]).toEqual([undefined, false]);
  await jest.advanceTimersByTimeAsync(1);
  expect(call.isAborted()).toBe(true);
});

test('a call has ended before Temporal gives its workflow task to another worker', () => {
  const { options } = workflowOf({ target: { type: 'http' }, policy: Policy.parse({}) });
  const workflowTaskTimeout = 'workflowTaskTimeout' in options ? options.workflowTaskTimeout : 0;
  expect(START_WITHIN_MS).toBeLessThan(CALL_LEASE_MS);
  for (const timeoutMs of [workflowTaskTimeout, HEARTBEAT_TIMEOUT_MS])
    expect(timeoutMs - CALL_LEASE_MS).toBeGreaterThanOrEqual(5_000);
});

test('an activity that has attached can abort the call, and says why', async () => {
  const calls = createInFlightCalls('own', logger);
  const call = heldCall();
  const result = calls.start('run', 0, call.make);
  await jest.advanceTimersByTimeAsync(2_000);
  expect(await result).toBeUndefined();
  const attached = calls.attach('run');
  attached?.abort({ cancelRequested: true, notFound: false });
  await expect(attached?.step).rejects.toThrow('aborted');
  expect(call.details()).toMatchObject({ cancelRequested: true });
});

test('a call that fails rejects for the activity that waits, and is forgotten', async () => {
  const calls = createInFlightCalls('own', logger);
  const failing = () => Promise.reject(new Error('no such key'));
  await expect(calls.start('run', 0, failing)).rejects.toThrow('no such key');
  expect(calls.attach('run')).toBeUndefined();
});

test('a process has a limit of calls in flight', async () => {
  const calls = createInFlightCalls('own', logger);
  const held = Array.from({ length: MAX_IN_FLIGHT_CALLS }, heldCall);
  held.forEach(({ make }, index) => void calls.start(`run ${index}`, 0, make));
  expect([calls.hasCapacity(), calls.join('run 7', 0) !== undefined, calls.join('run', 0)]).toEqual([
    false,
    true,
    undefined,
  ]);
  held[0]?.answer();
  await jest.advanceTimersByTimeAsync(0);
  expect(calls.hasCapacity()).toBe(true);
});

test('draining detaches every call and starts none; it ends once each is attached or has ended', async () => {
  jest.useRealTimers();
  const calls = createInFlightCalls('own', logger);
  const [first, second] = [heldCall(), heldCall()];
  const results = [calls.start('first', 0, first.make), calls.start('second', 0, second.make)];
  let isDone = false;
  const drained = calls.drain().then(() => (isDone = true));
  expect(await Promise.all(results)).toEqual([undefined, undefined]);
  expect(calls.hasCapacity()).toBe(false);
  const attached = calls.attach('first');
  await sleep(10);
  expect(isDone).toBe(false);
  const alsoAttached = calls.attach('second');
  await drained;
  first.answer();
  second.answer();
  expect([await attached?.step, await alsoAttached?.step]).toEqual([step, step]);

  // Without calls in flight it ends at once.
  await createInFlightCalls('own', logger).drain();
});
