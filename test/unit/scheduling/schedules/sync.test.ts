import { expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { Kysely, PostgresDialect, type PostgresPool } from 'kysely';
import pg from 'pg';
import type { JobRow, Schema } from '../../../../db/schema.ts';
import { createCircuitBreaker } from '../../../../platform/circuit-breaker.ts';
import { createLogger } from '../../../../platform/logger.ts';
import { syncJob } from '../../../../scheduling/schedules/sync.ts';
import { classifyTemporalError } from '../../../../scheduling/temporal/temporal-errors.ts';

/** A job with `maxRuns`, changed and not yet synced; nothing of it is due. */
const JOB = {
  id: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f',
  state: 'active',
  schedule: { at: '2999-01-01T00:00:00Z', timeZone: 'UTC', maxRuns: 3 },
  policy: { overlap: 'skip', catchupWindow: '1h' },
  generation: 2,
  schedule_generation: 2,
  observed_generation: 1,
  sync_attempts: 0,
  accounted_to: new Date('2998-12-31T23:00:00Z'),
  deleted_at: null,
  origin: null,
} as unknown as JobRow;

/** A database that answers each statement with no rows, unless `fail` says how it fails; and the statements that it got. */
function createFakeDatabase(fail: (statement: string) => Error | undefined) {
  const statements: string[] = [];
  const client = {
    query: async (statement: string) => {
      statements.push(statement);
      const error = fail(statement);
      if (error) throw error;
      return { command: 'UPDATE', rowCount: 0, rows: [] };
    },
    release: () => undefined,
  };
  const pool = { connect: async () => client, end: async () => undefined } as unknown as PostgresPool;
  return { db: new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) }), statements };
}

function syncWith(fail: (statement: string) => Error | undefined) {
  const { db, statements } = createFakeDatabase(fail);
  const temporal = {
    withDeadline: () => {
      throw new Error('refused');
    },
  } as unknown as Client;
  const breaker = createCircuitBreaker('Temporal', classifyTemporalError);
  const logger = createLogger({ level: 'silent', name: 'test' });
  const synced = syncJob({ db, temporal, breaker, taskQueue: 'queue', logger }, JOB.id, JOB);
  const hasSyncError = () => statements.some((statement) => statement.includes('"sync_error"'));
  return { synced, hasSyncError };
}

const timeout = Object.assign(
  new pg.DatabaseError('canceling statement due to statement timeout', 0, 'error'),
  {
    code: '57014',
  },
);

for (const error of [timeout, new Error('Connection terminated unexpectedly')])
  test(`an error of the database is none of the job: ${error.message}`, async () => {
    const { synced, hasSyncError } = syncWith((statement) =>
      statement.includes('runs_removed') ? error : undefined,
    );
    await expect(synced).rejects.toBe(error);
    expect(hasSyncError()).toBe(false);
  });

test('an error of Temporal is one of the job', async () => {
  const { synced, hasSyncError } = syncWith(() => undefined);
  expect(await synced).toEqual({ isReached: true });
  expect(hasSyncError()).toBe(true);
});
