import { expect, test } from '@jest/globals';
import { createCircuitBreaker, ServerAwayError } from '../../../platform/circuit-breaker.ts';
import { waitFor } from '../../support/wait-for.ts';

const away = new Error('away');
const refused = new Error('refused');
const classify = (error: unknown) => (error === away ? 'away' : error === refused ? 'answered' : 'unknown');
const fails = () => Promise.reject(away);
const succeeds = () => Promise.resolve('fine');

test('two failures in a row open the circuit; then one call at a time probes the server, until one succeeds', async () => {
  const breaker = createCircuitBreaker('The server', classify);
  await expect(breaker.attempt(fails)).rejects.toBe(away);
  expect(await breaker.attempt(succeeds)).toBe('fine');
  await expect(breaker.attempt(fails)).rejects.toBe(away);
  await expect(breaker.attempt(fails)).rejects.toBe(away);
  await expect(breaker.attempt(succeeds)).rejects.toThrow(ServerAwayError);

  let calls = 0;
  let answer: (() => void) | undefined;
  const slow = () => new Promise<void>((resolve) => ((answer = resolve), calls++));
  const probe = await waitFor('somebody to be let through', () => {
    const attempt = breaker.attempt(slow);
    attempt.catch(() => undefined);
    return calls > 0 ? { attempt } : undefined;
  });
  await expect(breaker.attempt(succeeds)).rejects.toThrow(ServerAwayError);
  expect(calls).toBe(1);
  answer?.();
  await probe.attempt;
  expect(await breaker.attempt(succeeds)).toBe('fine');
});

test('an error from the server itself does not open the circuit', async () => {
  const breaker = createCircuitBreaker('The server', classify);
  await expect(breaker.attempt(fails)).rejects.toBe(away);
  await expect(breaker.attempt(() => Promise.reject(refused))).rejects.toBe(refused);
  await expect(breaker.attempt(fails)).rejects.toBe(away);
  expect(await breaker.attempt(succeeds)).toBe('fine');
});

test('an error from elsewhere neither opens nor closes the circuit', async () => {
  const breaker = createCircuitBreaker('The server', classify);
  const elsewhere = () => Promise.reject(new Error('the database is away'));
  await expect(breaker.attempt(fails)).rejects.toBe(away);
  await expect(breaker.attempt(elsewhere)).rejects.toThrow('the database is away');
  await expect(breaker.attempt(fails)).rejects.toBe(away);
  await expect(breaker.attempt(succeeds)).rejects.toThrow(ServerAwayError);
  const tried = () => breaker.attempt(elsewhere).catch((error: Error) => error.message);
  const isTried = async () => (await tried()) === 'the database is away';
  await waitFor('a probe that fails elsewhere', isTried);
  await expect(breaker.attempt(succeeds)).rejects.toThrow(ServerAwayError);
  await waitFor('another probe', isTried);
});
