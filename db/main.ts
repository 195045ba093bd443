import { readDatabaseConfig } from '../platform/config.ts';
import { createLogger } from '../platform/logger.ts';
import { configureOrExit, failStart } from '../platform/shutdown.ts';
import { createDatabase } from './database.ts';
import { migrate, migrateBackTo } from './migrate.ts';

// npm run migrate: brings the database to the newest schema, and exits. npm run migrate -- back-to
// 0007-run-events: undoes the migrations after that one, for an older version of the service. Without a
// statement timeout: it may have to wait for another process that migrates, and building an index may take
// long.
const config = configureOrExit(() => ({
  ...readDatabaseConfig(process.env),
  DATABASE_STATEMENT_TIMEOUT_MS: 0,
}));
const logger = createLogger({ level: config.LOG_LEVEL, name: 'migrate' });
const USAGE = 'npm run migrate, or npm run migrate -- back-to <migration>';
try {
  const [command, name, ...rest] = process.argv.slice(2);
  const isKnown = command === undefined || (command === 'back-to' && name !== undefined && rest.length === 0);
  if (!isKnown) throw new Error(`Not understood; write: ${USAGE}`);
  const db = createDatabase(config, logger, 'scheduler-migrate');
  if (name === undefined) {
    const applied = await migrate(db);
    logger.info({ applied }, applied.length > 0 ? 'migrated' : 'nothing to migrate');
  } else {
    const takenBack = await migrateBackTo(db, name);
    logger.info({ takenBack }, takenBack.length > 0 ? 'migrated back' : 'nothing to take back');
  }
  await db.destroy();
} catch (error) {
  failStart(logger, error);
}
