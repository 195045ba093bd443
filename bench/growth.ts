import { statSync } from 'node:fs';
import path from 'node:path';
import type pg from 'pg';

/** How much the servers have written so far, in bytes. */
type Written = Record<'postgres' | 'postgresLog' | 'temporal', number>;

/**
 * How large the database of the service is, how much has gone through Postgres' log, and how large the file is in which
 * Temporal's development server keeps everything.
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

/** What each of `count` has added: `postgresBytesEach` and so on. Pure. */
export const growthBetween = (before: Written, after: Written, count: number): Record<string, number> =>
  Object.fromEntries(
    Object.entries(after).map(([what, bytes]) => [
      `${what}BytesEach`,
      Math.round((bytes - before[what as keyof Written]) / count),
    ]),
  );
