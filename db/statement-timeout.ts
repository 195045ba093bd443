import { sql } from 'kysely';
import type { Logger } from '../platform/logger.ts';
import type { Database } from './database.ts';

/**
 * Says in the log if statements may take as long as they like: a pooler has dropped the timeout that `createDatabase` asked
 * for, and nobody has set one behind it.
 */
export async function warnWithoutTimeout(db: Database, logger: Logger): Promise<void> {
  const { rows } = await sql<{
    timeout: string;
  }>`SELECT current_setting('statement_timeout') AS timeout`.execute(db);
  if (rows[0]?.timeout === '0') {
    logger.warn(
      'no statement timeout is in force: the pooler before Postgres drops DATABASE_STATEMENT_TIMEOUT_MS; set one in its connect_query, or for the role (docs/postgres.md)',
    );
  }
}
