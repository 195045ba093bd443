import { expect, test } from '@jest/globals';
import type pg from 'pg';
import { createPlanKeeper } from '../../../db/prepared-statements.ts';

const MARKED = '/* prepared */ SELECT 1';

/** A connection whose session has a process id of its own, and what it was asked to send. */
async function connect(session: { told: number; actual: number }) {
  const sent: unknown[] = [];
  const client = {
    processID: session.told,
    query: async (query: unknown) => {
      sent.push(query);
      return { rows: [{ pid: session.actual }] };
    },
  };
  const keepPlans = createPlanKeeper();
  const error = await new Promise<Error | undefined>((resolve) =>
    keepPlans(client as unknown as pg.PoolClient, resolve),
  );
  sent.length = 0;
  return { client: client as { query: (...args: unknown[]) => Promise<unknown> }, sent, error };
}

test('a connection to Postgres itself sends marked statements with a name, and others as they are', async () => {
  const { client, sent, error } = await connect({ told: 7, actual: 7 });
  expect(error).toBeUndefined();
  await client.query(MARKED, [1]);
  await client.query(MARKED, [2]);
  await client.query('SELECT 2', []);
  const [first, second, third] = sent as [{ name: string }, { name: string }, string];
  expect(first).toMatchObject({ text: MARKED, values: [1], name: expect.stringMatching(/^[0-9a-f]{32}$/) });
  expect(second).toMatchObject({ text: MARKED, values: [2], name: first.name });
  expect(third).toBe('SELECT 2');
});

test('a connection through a pooler, which invents the process id, prepares nothing', async () => {
  const { client, sent } = await connect({ told: 7, actual: 8 });
  await client.query(MARKED, [1]);
  expect(sent).toEqual([MARKED]);
});
