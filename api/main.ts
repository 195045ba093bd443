import { createDatabase } from '../db/database.ts';
import { requireCurrentSchema } from '../db/migrate.ts';
import { pingDatabase } from '../db/unavailable.ts';
import { DAY_MS, SECOND_MS } from '../domain/milliseconds.ts';
import { readConfig } from '../platform/config.ts';
import { createLogger } from '../platform/logger.ts';
import { createOutage } from '../platform/outage.ts';
import { retryUntilUp } from '../platform/retry-until-up.ts';
import { createSecretBox } from '../platform/secret-box.ts';
import { announceReady, failStart, shutDown, whenAskedToStop } from '../platform/shutdown.ts';
import { createTemporalClient } from '../platform/temporal.ts';
import { ensureReconciler } from '../scheduling/reconciler-schedule.ts';
import { ensureSearchAttributes } from '../scheduling/search-attributes.ts';
import { isUnreachable } from '../scheduling/temporal-errors.ts';
import { createApp } from './app.ts';
import { createHttpServer } from './http-server.ts';
import { createRunEventHub } from './run-event-hub.ts';

/** So long clients that follow runs have to read what is left for them, when this process ends. */
const STREAM_GRACE_MS = 2 * SECOND_MS;

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

  const server = createHttpServer((request, response) => void handle(request, response));
  const runEvents = createRunEventHub({ db, logger, isStopping: server.isStopping });
  const handle = createApp({
    db,
    temporal,
    outage: createOutage('Temporal', isUnreachable),
    taskQueue: config.TEMPORAL_TASK_QUEUE,
    logger,
    secrets: createSecretBox(config.SECRET_KEYS),
    temporalUiUrl: config.TEMPORAL_UI_URL,
    runRetentionMs: config.RUN_RETENTION_DAYS * DAY_MS,
    runEvents,
    now: () => new Date(),
    isStopping: server.isStopping,
  }).callback();
  const port = await server.listen(config.HOST, config.PORT);
  announceReady(port);
  logger.info({ host: config.HOST, port }, 'API is listening');

  const reason = await stopRequested;
  logger.info({ reason }, 'stopping');
  await shutDown(logger, 30_000, {
    server: async () => {
      const timer = setTimeout(runEvents.breakOff, STREAM_GRACE_MS);
      await server.stop();
      clearTimeout(timer);
    },
    temporal: () => temporal.connection.close(),
    database: () => db.destroy(),
  });
} catch (error) {
  failStart(logger, error);
}
