import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { sql } from 'kysely';
import { createDatabase, type Database } from '../../db/database.ts';
import { findSilence, notePass, releaseLease, takeLease } from '../../db/upkeep/reconciler-lease.ts';
import { MINUTE_MS, SECOND_MS } from '../../domain/milliseconds.ts';
import { readConfig } from '../../platform/config.ts';
import { createLogger } from '../../platform/logger.ts';
import { fromRunner, TEMPLATE_DATABASE } from '../support/environment.ts';
import { createTestDatabase } from '../support/stack.ts';

// The lease of the reconciler, held by a process whose clock is a minute off. Another process must be able to take it as soon
// as it is over, or the reconciler stands still.

let db: Database;
let dropDatabase: () => Promise<void>;

beforeAll(async () => {
  const database = await createTestDatabase('reconciler-lease', TEMPLATE_DATABASE);
  ({ dropDatabase } = database);
  const config = readConfig({
    DATABASE_URL: database.databaseUrl,
    TEMPORAL_ADDRESS: fromRunner('temporalAddress'),
  });
  db = createDatabase(config, createLogger({ level: 'warn', name: 'test' }), 'test');
});
afterEach(() => void jest.useRealTimers());
afterAll(async () => {
  await db.destroy();
  await dropDatabase();
});

/** Sets the clock of this process only. Timers stay real. */
const setClock = (offMs: number) =>
  jest.useFakeTimers({
    now: Date.now() + offMs,
    doNotFake: ['nextTick', 'setImmediate', 'setInterval', 'setTimeout', 'clearTimeout', 'performance'],
  });

const LEASE_MS = 10 * SECOND_MS;

test.each([
  ['ahead', MINUTE_MS],
  ['behind', -MINUTE_MS],
])('a lease that was taken by a clock a minute %s ends by the clock of Postgres', async (_, offMs) => {
  setClock(offMs);
  const leased = await takeLease(db, 'one', LEASE_MS);
  await notePass(db);
  jest.useRealTimers();
  // The clock of the pass.
  expect(Math.abs((leased?.now.getTime() ?? 0) - Date.now())).toBeLessThan(MINUTE_MS / 2);

  expect(await takeLease(db, 'other', LEASE_MS)).toBeUndefined();
  const { rows } = await sql<{ left: number }>`
    SELECT (extract(epoch FROM lease_until - now()) * 1000)::float8 AS left FROM reconciler`.execute(db);
  expect(rows[0]?.left).toBeLessThanOrEqual(LEASE_MS);
  expect(await findSilence(db)).toBeGreaterThanOrEqual(0);
  expect(await findSilence(db)).toBeLessThan(MINUTE_MS / 2);

  await releaseLease(db, 'one');
  expect(await takeLease(db, 'other', LEASE_MS)).toBeDefined();
  await releaseLease(db, 'other');
});
