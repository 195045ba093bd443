import { expect, test } from '@jest/globals';
import { createOutage, ServerAwayError } from '../../platform/outage.ts';
import { waitFor } from '../support/wait-for.ts';

const away = new Error('away');
const refused = new Error('refused');
const judge = (error: unknown) => (error === away ? 'away' : error === refused ? 'answered' : 'unknown');
const fails = () => Promise.reject(away);
const succeeds = () => Promise.resolve('fine');

test('one failure is nothing; after two in a row only one caller at a time asks, until one succeeds', async () => {
  const outage = createOutage('The server', judge);
  await expect(outage.attempt(fails)).rejects.toBe(away);
  expect(await outage.attempt(succeeds)).toBe('fine');
  await expect(outage.attempt(fails)).rejects.toBe(away);
  await expect(outage.attempt(fails)).rejects.toBe(away);
  await expect(outage.attempt(succeeds)).rejects.toThrow(ServerAwayError);

  let calls = 0;
  let answer: (() => void) | undefined;
  const slow = () => new Promise<void>((resolve) => ((answer = resolve), calls++));
  const probe = await waitFor('somebody to be let through', () => {
    const attempt = outage.attempt(slow);
    attempt.catch(() => undefined);
    return calls > 0 ? { attempt } : undefined;
  });
  await expect(outage.attempt(succeeds)).rejects.toThrow(ServerAwayError);
  expect(calls).toBe(1);
  answer?.();
  await probe.attempt;
  expect(await outage.attempt(succeeds)).toBe('fine');
});

test('an error of another kind says that the server is there', async () => {
  const outage = createOutage('The server', judge);
  await expect(outage.attempt(fails)).rejects.toBe(away);
  await expect(outage.attempt(() => Promise.reject(refused))).rejects.toBe(refused);
  await expect(outage.attempt(fails)).rejects.toBe(away);
  expect(await outage.attempt(succeeds)).toBe('fine');
});

test('an error from elsewhere says nothing of the server, and lets the next one try', async () => {
  const outage = createOutage('The server', judge);
  const elsewhere = () => Promise.reject(new Error('the database is away'));
  await expect(outage.attempt(fails)).rejects.toBe(away);
  await expect(outage.attempt(elsewhere)).rejects.toThrow('the database is away');
  await expect(outage.attempt(fails)).rejects.toBe(away);
  await expect(outage.attempt(succeeds)).rejects.toThrow(ServerAwayError);
  const tried = () => outage.attempt(elsewhere).catch((error: Error) => error.message);
  const isTried = async () => (await tried()) === 'the database is away';
  await waitFor('a probe that fails elsewhere', isTried);
  await expect(outage.attempt(succeeds)).rejects.toThrow(ServerAwayError);
  await waitFor('another probe', isTried);
});
