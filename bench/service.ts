import pg from 'pg';
import { createDatabase } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { ensureDatabase } from '../local/postgres.ts';
import { readConfig } from '../platform/config.ts';
import { createLogger } from '../platform/logger.ts';
import type { BenchContext } from './context.ts';
import { startProcess, type BenchProcess } from './process.ts';
import type { NAMESPACES } from './servers.ts';
import { prepareStatements, ROLES } from './statements.ts';

const PASSWORD = 'bench';

/** A database and a Temporal namespace of the same name, and the processes that use them. */
export interface Installation {
  db: pg.Pool;
  startApi: () => Promise<BenchProcess>;
  startWorker: () => Promise<BenchProcess>;
}

/** Creates a migrated database. Processes are started from `dist/`, and stopped at the end of the bench. */
export async function createInstallation(
  { postgres, temporal, folder, stops }: BenchContext,
  name: (typeof NAMESPACES)[number],
): Promise<Installation> {
  await ensureDatabase(postgres, name);
  const url = postgres.urlOf(name);
  const config = readConfig({ DATABASE_URL: url, TEMPORAL_ADDRESS: temporal.address });
  const database = createDatabase(config, createLogger({ level: 'warn', name: 'bench' }), 'bench');
  await migrate(database);
  await database.destroy();
  const db = new pg.Pool({ connectionString: url, max: 4 });
  db.on('error', () => undefined);
  stops.push(() => db.end());
  await prepareStatements(db, PASSWORD);

  const start = async (kind: 'api' | 'worker') => {
    const ownUrl = new URL(url);
    ownUrl.username = ROLES[kind];
    ownUrl.password = PASSWORD;
    const started = await startProcess(`${name}-${kind}`, [`dist/${kind}/main.js`], folder, {
      PORT: '0',
      WORKER_PORT: '0',
      DATABASE_URL: ownUrl.href,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: name,
      HTTP_TARGET_ALLOW: '127.0.0.1',
    });
    stops.push(started.stop);
    return started;
  };
  return { db, startApi: () => start('api'), startWorker: () => start('worker') };
}
