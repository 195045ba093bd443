import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type pg from 'pg';
import { SECOND_MS } from '../domain/milliseconds.ts';

const MARK = '/* prepared */';

/**
 * Marks a statement, at its beginning, as one to prepare once per session, because it is sent often. Such a
 * statement has to name all columns: with `*`, a migration would change the result of the prepared statement
 * in a running process.
 */
export const PREPARED = sql.raw(MARK);

/** A server that has accepted a connection answers within this time. */
const ANSWER_MS = 5 * SECOND_MS;

/**
 * Creates the option `verify` of a pool, which is called with each new connection: the connection prepares
 * marked statements, if it leads to Postgres itself. Behind a pooler it prepares none, for the next statement
 * may reach another session, which does not know them.
 */
export function createPlanKeeper(): (client: pg.PoolClient, done: (error?: Error) => void) => void {
  // Each text is hashed once. Only a few statements are marked.
  const names = new Map<string, string>();
  const nameOf = (text: string) => {
    const name = names.get(text) ?? createHash('sha256').update(text).digest('hex').slice(0, 32);
    names.set(text, name);
    return name;
  };
  return (client, done) => {
    let isDone = false;
    const end = (error?: Error) => {
      clearTimeout(timer);
      if (!isDone) done(error);
      isDone = true;
    };
    const timer = setTimeout(() => end(new Error('timeout exceeded when trying to connect')), ANSWER_MS);
    client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid').then(
      ({ rows }) => {
        // Postgres reports the process id of the session to a new connection. A pooler invents one.
        const { processID } = client as unknown as { processID: number | null };
        if (rows[0]?.pid === processID) prepareMarked(client, nameOf);
        end();
      },
      (error: unknown) => end(error instanceof Error ? error : new Error(String(error))),
    );
  };
}

/** Has a connection send marked statements with a name, by which Postgres knows them again. */
function prepareMarked(client: pg.PoolClient, nameOf: (text: string) => string): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  const named = (text: unknown, values: unknown, ...rest: unknown[]) =>
    typeof text === 'string' && text.startsWith(MARK)
      ? query({ name: nameOf(text), text, values }, ...rest)
      : query(text, values, ...rest);
  client.query = named as typeof client.query;
}
