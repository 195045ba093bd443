import { createDatabase } from '../db/database.ts';
import { requireCurrentSchema } from '../db/migrate.ts';
import { createPoolMetrics } from '../db/pool-metrics.ts';
import { watchReplica } from '../db/replica.ts';
import { warnWithoutTimeout } from '../db/statement-timeout.ts';
import { pingDatabase } from '../db/unavailable.ts';
import { DAY_MS, SECOND_MS } from '../domain/milliseconds.ts';
import { readConfig } from '../platform/config.ts';
import { createLogger } from '../platform/logger.ts';
import { createMetricsRegistry } from '../platform/metrics.ts';
import { createCircuitBreaker } from '../platform/circuit-breaker.ts';
import { retryUntilUp } from '../platform/retry-until-up.ts';
import { createSecretBox } from '../platform/secret-box.ts';
import {
  announceReady,
  configureOrExit,
  failStart,
  shutDown,
  whenAskedToStop,
} from '../platform/shutdown.ts';
import { createTemporalClient } from '../platform/temporal.ts';
import { startTracing } from '../platform/tracing.ts';
import { ensureReconciler } from '../scheduling/reconciler/reconciler-schedule.ts';
import { ensureSearchAttributes } from '../scheduling/temporal/search-attributes.ts';
import { classifyTemporalError } from '../scheduling/temporal/temporal-errors.ts';
import { createAuthenticate } from './access/authenticate.ts';
import { createRateLimits } from './access/rate-limits.ts';
import { requireSafeStart } from './access/safe-start.ts';
import { createApps, runApp } from './app.ts';
import { createHttpServer } from './server/http-server.ts';
import { createStreamMetrics } from './server/request-metrics.ts';
import { createRunEventHub } from './stream/run-event-hub.ts';
import { readCertificate, watchCertificate } from './server/tls.ts';

/** So long clients that follow runs have to read what is left for them, when this process ends. */
const STREAM_GRACE_MS = 2 * SECOND_MS;

// npm run api: the REST API. Any number of these may run side by side.
const config = configureOrExit(() => {
  const read = readConfig(process.env);
  requireSafeStart(read);
  return read;
});
const logger = createLogger({ level: config.LOG_LEVEL, name: 'api' });
try {
  const stopRequested = whenAskedToStop();
  const stopTracing = await startTracing(config, 'scheduler-api', logger);

  const db = createDatabase(config, logger, 'scheduler-api');
  await retryUntilUp(logger, 'Postgres', () => pingDatabase(db));
  await requireCurrentSchema(db);
  await warnWithoutTimeout(db, logger);
  const replicaDb =
    config.DATABASE_READ_URL === undefined
      ? undefined
      : createDatabase({ ...config, DATABASE_URL: config.DATABASE_READ_URL }, logger, 'scheduler-api-lists');
  const replica = replicaDb && watchReplica({ primary: db, replica: replicaDb, logger });
  const temporal = createTemporalClient(config);
  // Not waited for: without Temporal the API still takes jobs.
  retryUntilUp(logger, 'Temporal', async () => {
    await ensureSearchAttributes(temporal);
    await ensureReconciler(temporal, config.TEMPORAL_TASK_QUEUE);
  }).catch((error: unknown) => {
    logger.error({ err: error }, 'could not make sure of the search attributes and the reconciler');
  });

  const files =
    config.TLS_CERT_FILE && config.TLS_KEY_FILE
      ? { certFile: config.TLS_CERT_FILE, keyFile: config.TLS_KEY_FILE }
      : undefined;
  const certificate = files && readCertificate(files);
  const now = () => new Date();
  const server = createHttpServer((request, response) => handle(request, response), certificate);
  const runEvents = createRunEventHub({ db, logger, isStopping: server.isStopping });
  const registry = createMetricsRegistry();
  createPoolMetrics(registry, { primary: db, ...(replicaDb ? { replica: replicaDb } : {}) });
  createStreamMetrics(registry, runEvents.countReaders);
  const accessControl = {
    authenticate: createAuthenticate(config, { db, logger, now }),
    countRequest: createRateLimits(config, db),
  };
  const apps = createApps(
    config,
    {
      db,
      readList: replica?.readList ?? ((query) => query(db)),
      temporal,
      breaker: createCircuitBreaker('Temporal', classifyTemporalError),
      taskQueue: config.TEMPORAL_TASK_QUEUE,
      logger,
      secrets: createSecretBox(config.SECRET_KEYS),
      temporalUiUrl: config.TEMPORAL_UI_URL,
      runRetentionMs: config.RUN_RETENTION_DAYS * DAY_MS,
      apiKeyPepper: config.API_KEY_PEPPER,
      limits: {
        jobsPerNamespace: config.MAX_JOBS_PER_NAMESPACE,
        minIntervalMs: config.MIN_INTERVAL_SECONDS * SECOND_MS,
      },
      runEvents,
      now,
      isStopping: server.isStopping,
    },
    accessControl,
    registry,
  );
  const handle = runApp(apps.api);
  const internalServer = apps.internal && createHttpServer(runApp(apps.internal), certificate);
  if (internalServer && config.INTERNAL_PORT !== undefined) {
    const internalPort = await internalServer.listen(config.HOST, config.INTERNAL_PORT);
    logger.info(
      { host: config.HOST, port: internalPort },
      'documents and metrics are served on a port of their own',
    );
  }
  if (files && certificate)
    watchCertificate(files, certificate, logger, (next) => {
      server.useCertificate(next);
      internalServer?.useCertificate(next);
    });
  const port = await server.listen(config.HOST, config.PORT);
  announceReady(port);
  logger.info({ host: config.HOST, port }, 'API is listening');

  const reason = await stopRequested;
  logger.info({ reason }, 'stopping');
  await shutDown(logger, 30_000, {
    server: async () => {
      const timer = setTimeout(runEvents.breakOff, STREAM_GRACE_MS);
      await Promise.all([server.stop(), internalServer?.stop()]);
      clearTimeout(timer);
    },
    traces: stopTracing,
    temporal: () => temporal.connection.close(),
    replica: async () => replica?.stop(),
    database: () => db.destroy(),
  });
} catch (error) {
  failStart(logger, error);
}
