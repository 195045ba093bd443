import { sql } from 'kysely';
import pg from 'pg';
import type { Database } from './database.ts';

/**
 * SQLSTATEs of errors that may pass: connection exceptions, shutdown and start-up, too many connections, a full disk,
 * no memory, read-only standby, statement and lock timeouts, deadlocks and serialization failures.
 */
const SQLSTATES = /^(08...|57P0[1-3]|53[0-3]00|25006|25P03|57014|55P03|40P01|40001)$/;
const NETWORK = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENOENT',
];
/** Connection errors of node-postgres that have no code. */
const MESSAGES =
  /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Client was closed/;

/**
 * Tells whether a query failed because Postgres could not be reached or was not ready, not because of the
 * query. Pure.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return SQLSTATES.test(error.code ?? '');
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable);
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return NETWORK.includes(code) || MESSAGES.test(error.message);
}

/** SQLSTATEs of a statement that failed because of other transactions, or took too long: the server is there. */
const CONTENTION = /^(57014|55P03|40P01|40001)$/;

/** Tells whether Postgres could not be reached or was not ready at all, whatever other transactions did. Pure. */
export const isConnectionLost = (error: unknown): boolean =>
  isDatabaseUnavailable(error) && !(error instanceof pg.DatabaseError && CONTENTION.test(error.code ?? ''));

/** Tells whether an error comes from Postgres, or from the connection to it. Pure. */
export const isDatabaseError = (error: unknown): boolean =>
  error instanceof pg.DatabaseError || isDatabaseUnavailable(error);

/** Tells whether a statement was cancelled because it took too long. Pure. */
export const isStatementTimeout = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && error.code === '57014';

/** Makes a round trip to Postgres. @throws if it does not answer */
export async function pingDatabase(db: Database): Promise<void> {
  await sql`SELECT 1`.execute(db);
}
