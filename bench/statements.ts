import type pg from 'pg';

/** The number of statements per process that are reported, those with the largest total time. */
const KEPT = 15;
/** The maximal reported length of a statement: one that writes many rows is long. */
const MAX_TEXT_LENGTH = 4_000;

/** A statement of a process, measured over a period. */
export interface Statement {
  process: 'api' | 'worker';
  /** The text, with placeholders for its values. */
  text: string;
  calls: number;
  callsPerRun: number;
  totalMs: number;
  meanMs: number;
}

/** The roles of the API and of the worker: Postgres counts statements by role. */
export const ROLES = { api: 'bench_api', worker: 'bench_worker' } as const;

/** Creates the roles with `password` and the extension that counts, unless they exist. */
export async function prepareStatements(db: pg.Pool, password: string): Promise<void> {
  await db.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
  for (const role of Object.values(ROLES)) {
    const { rowCount } = await db.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
    if (rowCount === 0) await db.query(`CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD '${password}'`);
  }
}

/** Resets the counters. */
export const resetStatements = async (db: pg.Pool) =>
  void (await db.query('SELECT pg_stat_statements_reset()'));

/** The statements since the reset, by process, with their counts per run. */
export async function readStatements(
  db: pg.Pool,
  runs: number,
): Promise<{ calls: Record<'api' | 'worker', number>; top: Statement[] }> {
  const calls = { api: 0, worker: 0 };
  const top: Statement[] = [];
  for (const process of ['api', 'worker'] as const) {
    const { rows } = await db.query<{ query: string; calls: string; total: number; mean: number }>(
      // Sessions that prepared a statement at different times may count it under different ids.
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
