import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type pg from 'pg';

const MARK = '/* prepared */';

/**
 * Stands before a statement that is sent so often that its plan is to be kept, and whose columns are all named: of `*`, a
 * migration would make another statement under the feet of a running process.
 */
export const PREPARED = sql.raw(MARK);

/** Plans belong to a session. A name for each text, for there are but a few that are marked. */
const names = new Map<string, string>();

/**
 * For `verify` of a pool: has a new connection keep the plans of marked statements, if it leads to Postgres itself. Behind a
 * pooler, the next statement may reach another session, which does not know the plan; nothing is left there.
 */
export function keepPlans(client: pg.PoolClient, done: (error?: Error) => void): void {
  client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid').then(
    ({ rows }) => {
      // As it connected, it was told the number of its process; a pooler makes one up.
      if (rows[0]?.pid === (client as unknown as { processID: number | null }).processID) nameMarked(client);
      done();
    },
    (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
  );
}

function nameMarked(client: pg.PoolClient): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  const named = (text: unknown, values: unknown, ...rest: unknown[]) =>
    typeof text === 'string' && text.startsWith(MARK)
      ? query({ name: nameOf(text), text, values }, ...rest)
      : query(text, values, ...rest);
  client.query = named as typeof client.query;
}

function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  const name = createHash('sha256').update(text).digest('hex').slice(0, 32);
  names.set(text, name);
  return name;
}
