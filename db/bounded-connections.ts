import type { PostgresPool, PostgresPoolClient } from 'kysely';
import type pg from 'pg';
import { SECOND_MS } from '../domain/milliseconds.ts';

/**
 * A host that loses its power or its network sends neither FIN nor RST. Then its peer waits for an answer that never comes,
 * and holds what it holds: a connection of the pool here, the locks of a transaction there. So every wait has a bound.
 */

/** Postgres cancels a statement at its timeout. This much later its answer cannot be on its way any more. */
const ANSWER_MARGIN_MS = 2 * SECOND_MS;

/** Postgres ends a session that is idle within a transaction for this long, and releases its locks. */
const IDLE_IN_TRANSACTION_MS = 10 * SECOND_MS;

/** By the transaction, since a session can belong to a pooler. In the same round trip as `begin`. */
const BEGIN = `begin; set local idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS}`;

/**
 * A pool for Kysely that destroys a connection whose statement has no answer soon after its timeout. This fails the
 * statement, and the pool opens another connection. A pool without a statement timeout, which is for migrations, waits
 * without a bound. Postgres ends a transaction of the pool whose client has vanished.
 */
export function boundConnections(pool: pg.Pool): PostgresPool {
  const { statement_timeout: timeoutMs } = pool.options;
  const boundMs = timeoutMs ? timeoutMs + ANSWER_MARGIN_MS : undefined;
  return {
    connect: async () => boundClient(await pool.connect(), boundMs),
    end: () => pool.end(),
  };
}

function boundClient(client: pg.PoolClient, boundMs: number | undefined): PostgresPoolClient {
  let isReleased = false;
  const release = (destroy: boolean) => {
    if (!isReleased) client.release(destroy);
    isReleased = true;
  };
  // Kysely sends text and parameters; it has no cursors here.
  const query = async (text: string, values: unknown[]): Promise<pg.QueryResult> => {
    const timer = boundMs === undefined ? undefined : setTimeout(() => release(true), boundMs);
    try {
      if (text !== 'begin') return await client.query(text, values);
      // Two statements have two results, which the types of node-postgres do not say.
      const results: unknown = await client.query(BEGIN);
      return (results as pg.QueryResult[])[0] as pg.QueryResult;
    } finally {
      clearTimeout(timer);
    }
  };
  return { query: query as unknown as PostgresPoolClient['query'], release: () => release(false) };
}
