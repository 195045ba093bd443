import type pg from 'pg';

/** A session of Postgres and its remaining state. */
interface SessionState {
  pid: number;
  left: object;
}

/** The result of `lookAtSession` for a clean session, without its statement timeout. */
export const NOTHING_LEFT = {
  statements: null,
  locks: null,
  channels: null,
  tables: null,
  cursors: null,
  settings: null,
};

/** Reads the state that outlives a transaction, in the session that the pooler assigns to this client. */
export async function lookAtSession(client: pg.Client): Promise<SessionState> {
  const { rows } = await client.query<SessionState>(`
    SELECT pg_backend_pid() AS pid, json_build_object(
      'statements', (SELECT json_agg(name) FROM pg_prepared_statements),
      'locks', (SELECT json_agg(objid) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
      'channels', (SELECT json_agg(channel) FROM pg_listening_channels() AS channel),
      'tables', (SELECT json_agg(relname) FROM pg_class WHERE relnamespace = pg_my_temp_schema()),
      'cursors', (SELECT json_agg(name) FROM pg_cursors WHERE name <> ''),
      -- But for what PgBouncer hands on with each client, and what its connect_query sets.
      'settings', (SELECT json_agg(name) FROM pg_settings WHERE source = 'session' AND name NOT IN (
        'application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings',
        'statement_timeout')),
      'timeout', current_setting('statement_timeout')) AS left`);
  const [row] = rows;
  if (!row) throw new Error('the session does not answer');
  return row;
}
