import { sql } from 'kysely';
import type { Logger } from '../platform/logger.ts';
import type { Database } from './database.ts';

/**
 * Logs a warning if no statement timeout is in force: a pooler has dropped the one that `createPool`
 * requested, and neither the pooler nor the role sets one.
 */
export async function warnWithoutTimeout(db: Database, logger: Logger): Promise<void> {
  const { rows } = await sql<{
    timeout: string;
  }>`SELECT current_setting('statement_timeout') AS timeout`.execute(db);
  if (rows[0]?.timeout === '0') {
    logger.warn(
      'no statement timeout is in force: the pooler in front of Postgres drops DATABASE_STATEMENT_TIMEOUT_MS; set one in its connect_query, or for the role (docs/postgres.md)',
    );
  }
}
