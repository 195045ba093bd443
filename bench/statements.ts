import type pg from 'pg';

/** So many statements of a process are kept, those that took most of Postgres' time. */
const KEPT = 15;
/** And so many characters of each: one that writes many rows is long. */
const MAX_TEXT_LENGTH = 4_000;

/** A statement that a process sent, over a while. */
export interface Statement {
  process: 'api' | 'worker';
  /** With placeholders for its values. */
  text: string;
  calls: number;
  callsPerRun: number;
  totalMs: number;
  meanMs: number;
}

/** By these roles, statements of the API and of the worker are told apart: Postgres counts them by role. */
export const ROLES = { api: 'bench_api', worker: 'bench_worker' } as const;

/** Makes the roles, with `password`, unless they are there, and the counters of this database. */
export async function prepareStatements(db: pg.Pool, password: string): Promise<void> {
  await db.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
  for (const role of Object.values(ROLES)) {
    const { rowCount } = await db.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
    if (rowCount === 0) await db.query(`CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD '${password}'`);
  }
}

/** Begins to count anew. */
export const resetStatements = async (db: pg.Pool) =>
  void (await db.query('SELECT pg_stat_statements_reset()'));

/** What was counted since, by process, with how much of it there was for each of so many runs. */
export async function readStatements(
  db: pg.Pool,
  runs: number,
): Promise<{ calls: Record<'api' | 'worker', number>; top: Statement[] }> {
  const calls = { api: 0, worker: 0 };
  const top: Statement[] = [];
  for (const process of ['api', 'worker'] as const) {
    const { rows } = await db.query<{ query: string; calls: string; total: number; mean: number }>(
      // Sessions that have prepared a statement at different times may count it under different ids.
      `SELECT query, sum(calls) AS calls, sum(total_exec_time) AS total, sum(total_exec_time) / sum(calls) AS mean
       FROM pg_stat_statements
       WHERE userid = $1::regrole AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
       GROUP BY query ORDER BY total DESC`,
      [ROLES[process]],
    );
    calls[process] = rows.reduce((sum, row) => sum + Number(row.calls), 0);
    for (const row of rows.slice(0, KEPT))
      top.push({
        process,
        text: row.query
          .replace(/--[^\n]*/g, '')
          .replace(/\s+/g, ' ')
          .slice(0, MAX_TEXT_LENGTH),
        calls: Number(row.calls),
        callsPerRun: Number(row.calls) / runs,
        totalMs: row.total,
        meanMs: row.mean,
      });
  }
  return { calls, top };
}
