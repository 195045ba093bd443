import { readDatabaseConfig } from '../platform/config.ts';
import { createLogger } from '../platform/logger.ts';
import { failStart } from '../platform/shutdown.ts';
import { createDatabase } from './database.ts';
import { migrate } from './migrate.ts';

// npm run migrate: brings the database to the newest schema, and ends.
const logger = createLogger({ level: process.env['LOG_LEVEL'] || 'info', name: 'migrate' });
try {
  // Waiting for another process that migrates is no fault, and building an index may take its time.
  const config = { ...readDatabaseConfig(process.env), DATABASE_STATEMENT_TIMEOUT_MS: 0 };
  const db = createDatabase(config, logger, 'scheduler-migrate');
  const applied = await migrate(db);
  logger.info({ applied }, applied.length > 0 ? 'migrated' : 'nothing to migrate');
  await db.destroy();
} catch (error) {
  failStart(logger, error);
}
