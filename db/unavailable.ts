import { sql } from 'kysely';
import pg from 'pg';
import type { Database } from './database.ts';

/**
 * SQLSTATEs that say "not now": connection exceptions, shutdown and start-up, too many connections, read-only standby; a
 * statement that waited too long for others, or that was given up so that others could go on.
 */
const SQLSTATES = /^(08...|57P0[1-3]|53300|25006|57014|55P03|40P01|40001)$/;
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
/** Faults that node-postgres gives no code. */
const MESSAGES =
  /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error/;

/** Tells whether a query failed because Postgres could not be reached or was not ready, rather than because of the query. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return SQLSTATES.test(error.code ?? '');
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable);
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return NETWORK.includes(code) || MESSAGES.test(error.message);
}

/** Those of a statement that waited too long for others, or was given up so that others could go on: the server is there. */
const GIVEN_UP = /^(57014|55P03|40P01|40001)$/;

/** Tells whether Postgres could not be reached or was not ready at all, rather than kept by others from one statement. */
export const isConnectionLost = (error: unknown): boolean =>
  isDatabaseUnavailable(error) && !(error instanceof pg.DatabaseError && GIVEN_UP.test(error.code ?? ''));

/** Tells whether a statement was given up because it took too long. */
export const isStatementTimeout = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && error.code === '57014';

/** @throws unless Postgres answers */
export async function pingDatabase(db: Database): Promise<void> {
  await sql`SELECT 1`.execute(db);
}
