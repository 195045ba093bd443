import { statSync } from 'node:fs';
import path from 'node:path';
import type pg from 'pg';

/** The number of bytes that the servers have written so far. */
type Written = Record<'postgres' | 'postgresLog' | 'temporal', number>;

/**
 * Measures the database of the service, the write-ahead log of Postgres, and the file in which Temporal's development
 * server keeps its state.
 */
export async function readWritten(db: pg.Pool, folder: string): Promise<Written> {
  const { rows } = await db.query<{ size: string; log: string }>(
    `SELECT pg_database_size(current_database()) AS size, pg_current_wal_insert_lsn() - '0/0' AS log`,
  );
  const [row] = rows;
  const files = ['temporal.db', 'temporal.db-wal'].map((name) => statSync(path.join(folder, name)).size);
  return {
    postgres: Number(row?.size),
    postgresLog: Number(row?.log),
    temporal: files.reduce((total, size) => total + size, 0),
  };
}

/** The growth per item of `count`: `postgresBytesEach` and so on. Pure. */
export const growthBetween = (before: Written, after: Written, count: number): Record<string, number> =>
  Object.fromEntries(
    Object.entries(after).map(([what, bytes]) => [
      `${what}BytesEach`,
      Math.round((bytes - before[what as keyof Written]) / count),
    ]),
  );
