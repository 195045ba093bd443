import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDatabase } from '../db/database.ts';
import { requireCurrentSchema } from '../db/migrate.ts';
import { pingDatabase } from '../db/unavailable.ts';
import { readConfig } from '../platform/config.ts';
import { createLogger } from '../platform/logger.ts';
import { createOutage } from '../platform/outage.ts';
import { retryUntilUp } from '../platform/retry-until-up.ts';
import { announceReady, failStart, shutDown, whenAskedToStop } from '../platform/shutdown.ts';
import { createTemporalClient } from '../platform/temporal.ts';
import { ensureReconciler } from '../scheduling/reconciler-schedule.ts';
import { ensureSearchAttributes } from '../scheduling/search-attributes.ts';
import { isUnreachable } from '../scheduling/temporal-errors.ts';
import { createApp } from './app.ts';

// npm run api: the REST API. Any number of these may run side by side.
const logger = createLogger({ level: process.env['LOG_LEVEL'] || 'info', name: 'api' });
try {
  const config = readConfig(process.env);
  const stopRequested = whenAskedToStop();

  const db = createDatabase(config, logger, 'scheduler-api');
  await retryUntilUp(logger, 'Postgres', () => pingDatabase(db));
  await requireCurrentSchema(db);
  const temporal = createTemporalClient(config);
  // Not waited for: without Temporal the API still takes jobs.
  retryUntilUp(logger, 'Temporal', async () => {
    await ensureSearchAttributes(temporal);
    await ensureReconciler(temporal, config.TEMPORAL_TASK_QUEUE);
  }).catch((error: unknown) => {
    logger.error({ err: error }, 'could not make sure of the search attributes and the reconciler');
  });

  const app = createApp({
    db,
    temporal,
    outage: createOutage('Temporal', isUnreachable),
    taskQueue: config.TEMPORAL_TASK_QUEUE,
    logger,
    temporalUiUrl: config.TEMPORAL_UI_URL,
    now: () => new Date(),
  });
  const handle = app.callback();
  const server = createServer((request, response) => void handle(request, response));
  const port = await listen(config.HOST, config.PORT);
  announceReady(port);
  logger.info({ host: config.HOST, port }, 'API is listening');

  const reason = await stopRequested;
  logger.info({ reason }, 'stopping');
  await shutDown(logger, 30_000, {
    server: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeIdleConnections();
      }),
    temporal: () => temporal.connection.close(),
    database: () => db.destroy(),
  });

  function listen(host: string, wanted: number): Promise<number> {
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const taken = error.code === 'EADDRINUSE';
        reject(
          taken
            ? new Error(`Port ${wanted} on ${host} is taken; set PORT to another one.`, { cause: error })
            : error,
        );
      });
      server.listen(wanted, host, () => resolve((server.address() as AddressInfo).port));
    });
  }
} catch (error) {
  failStart(logger, error);
}
