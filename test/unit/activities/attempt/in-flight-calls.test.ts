import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import {
  createInFlightCalls,
  MOST_CALLS,
  type CallControl,
  type MadeCall,
} from '../../../../activities/attempt/in-flight-calls.ts';

const made = { isRecorded: true } as MadeCall;
const logger = { warn: () => undefined };

/** A call that ends when it is told to, or when it is broken off. */
function heldCall() {
  let answer!: (call: MadeCall) => void;
  let control: CallControl | undefined;
  let times = 0;
  const make = (given: CallControl) => {
    control = given;
    times++;
    return new Promise<MadeCall>((resolve, reject) => {
      answer = resolve;
      given.cancellationSignal.addEventListener('abort', () => reject(new Error('broken off')));
    });
  };
  return {
    make,
    answer: () => answer(made),
    isBrokenOff: () => control?.cancellationSignal.aborted,
    details: () => control?.cancellationDetails,
    times: () => times,
  };
}

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test('answers a call that ends soon, and forgets it', async () => {
  const calls = createInFlightCalls('own', logger);
  const call = heldCall();
  const result = calls.begin('run', call.make);
  call.answer();
  expect(await result).toBe(made);
  expect(calls.fetch('run')).toBeUndefined();
});

test('a call that takes longer goes on, for one who fetches it', async () => {
  const calls = createInFlightCalls('own', logger);
  const call = heldCall();
  const result = calls.begin('run', call.make);
  await jest.advanceTimersByTimeAsync(1_999);
  // Done again, as when Temporal did not hear of the first time: it is the same call.
  const again = calls.begin('run', call.make);
  await jest.advanceTimersByTimeAsync(1);
  expect(await result).toBeUndefined();
  await jest.advanceTimersByTimeAsync(2_000);
  expect(await again).toBeUndefined();
  expect(call.times()).toBe(1);

  // And after it was left.
  await jest.advanceTimersByTimeAsync(9_000);
  const late = calls.begin('run', call.make);
  await jest.advanceTimersByTimeAsync(2_000);
  expect([await late, call.isBrokenOff(), call.times()]).toEqual([undefined, false, 1]);

  const fetched = calls.fetch('run');
  expect(fetched).toBeDefined();
  await jest.advanceTimersByTimeAsync(60_000);
  expect(call.isBrokenOff()).toBe(false);
  call.answer();
  expect(await fetched?.result).toBe(made);
});

test('a call that nobody fetches is broken off, for no reason that would be recorded', async () => {
  const calls = createInFlightCalls('own', logger);
  const call = heldCall();
  const result = calls.begin('run', call.make);
  await jest.advanceTimersByTimeAsync(2_000);
  expect(await result).toBeUndefined();
  await jest.advanceTimersByTimeAsync(9_999);
  expect(call.isBrokenOff()).toBe(false);
  await jest.advanceTimersByTimeAsync(1);
  expect(call.isBrokenOff()).toBe(true);
  expect(call.details()).toBeUndefined();
  expect(calls.fetch('run')).toBeUndefined();
});

test('whoever has fetched a call can break it off, and say why', async () => {
  const calls = createInFlightCalls('own', logger);
  const call = heldCall();
  const result = calls.begin('run', call.make);
  await jest.advanceTimersByTimeAsync(2_000);
  expect(await result).toBeUndefined();
  const fetched = calls.fetch('run');
  fetched?.breakOff({ cancelRequested: true, notFound: false });
  await expect(fetched?.result).rejects.toThrow('broken off');
  expect(call.details()).toMatchObject({ cancelRequested: true });
});

test('a call that fails is told to whoever waits, and forgotten', async () => {
  const calls = createInFlightCalls('own', logger);
  const failing = () => Promise.reject(new Error('no such key'));
  await expect(calls.begin('run', failing)).rejects.toThrow('no such key');
  expect(calls.fetch('run')).toBeUndefined();
});

test('there is room for so many', async () => {
  const calls = createInFlightCalls('own', logger);
  const held = Array.from({ length: MOST_CALLS }, heldCall);
  held.forEach(({ make }, index) => void calls.begin(`run ${index}`, make));
  expect([calls.hasRoom(), calls.isUnderWay('run 7'), calls.isUnderWay('run')]).toEqual([false, true, false]);
  held[0]?.answer();
  await jest.advanceTimersByTimeAsync(0);
  expect(calls.hasRoom()).toBe(true);
});

test('a process that stops waits for no call, and begins none; it is done when all are fetched or over', async () => {
  jest.useRealTimers();
  const calls = createInFlightCalls('own', logger);
  const [first, second] = [heldCall(), heldCall()];
  const results = [calls.begin('first', first.make), calls.begin('second', second.make)];
  let isDone = false;
  const handedOver = calls.drain().then(() => (isDone = true));
  expect(await Promise.all(results)).toEqual([undefined, undefined]);
  expect(calls.hasRoom()).toBe(false);
  const fetched = calls.fetch('first');
  await sleep(10);
  expect(isDone).toBe(false);
  const alsoFetched = calls.fetch('second');
  await handedOver;
  first.answer();
  second.answer();
  expect([await fetched?.result, await alsoFetched?.result]).toEqual([made, made]);

  // With nothing under way there is nothing to wait for.
  await createInFlightCalls('own', logger).drain();
});
