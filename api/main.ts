import { lookup } from 'node:dns';
import { createCallWithoutTemporal } from '../activities/attempt/call-without-temporal.ts';
import { createRunMetrics } from '../activities/attempt/metrics.ts';
import { createGuardedDispatcher } from '../activities/call/guarded-dispatcher.ts';
import { createPool, databaseOf } from '../db/database.ts';
import { requireCurrentSchema } from '../db/migrate.ts';
import { createPoolMetrics } from '../db/pool-metrics.ts';
import { watchReplica } from '../db/replica.ts';
import { warnWithoutTimeout } from '../db/statement-timeout.ts';
import { pingDatabase } from '../db/unavailable.ts';
import { DAY_MS, SECOND_MS } from '../domain/milliseconds.ts';
import { createCircuitBreaker } from '../platform/circuit-breaker.ts';
import { readConfig } from '../platform/config.ts';
import { createKeyedMutex } from '../platform/keyed-mutex.ts';
import { createLogger } from '../platform/logger.ts';
import { createMetricsRegistry } from '../platform/metrics.ts';
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
import { createApps, toListener } from './app.ts';
import { startJudgeTimer } from './judge-timer.ts';
import { createHealthCheck } from './rest/health-check.ts';
import { createHttpServer } from './server/http-server.ts';
import { createStreamMetrics } from './server/request-metrics.ts';
import { readCertificate, watchCertificate } from './server/tls.ts';
import { createRunEventHub } from './stream/run-event-hub.ts';

/** At shutdown, clients that follow runs get this long to read what is left for them. */
const STREAM_GRACE_MS = 2 * SECOND_MS;
const SHUTDOWN_TIMEOUT_MS = 30 * SECOND_MS;

// npm run api: serves the REST API. Any number of these processes can run side by side.
const config = configureOrExit(() => {
  const read = readConfig(process.env);
  requireSafeStart(read);
  return read;
});
const logger = createLogger({ level: config.LOG_LEVEL, name: 'api' });
try {
  const stopRequested = whenAskedToStop();
  const stopTracing = await startTracing(config, 'scheduler-api', logger);

  const pool = createPool(config, logger, 'scheduler-api');
  const db = databaseOf(pool);
  await retryUntilUp(logger, 'Postgres', () => pingDatabase(db));
  await requireCurrentSchema(db);
  await warnWithoutTimeout(db, logger);
  const replicaPool =
    config.DATABASE_READ_URL === undefined
      ? undefined
      : createPool({ ...config, DATABASE_URL: config.DATABASE_READ_URL }, logger, 'scheduler-api-lists');
  const replica = replicaPool && watchReplica({ primary: db, replica: databaseOf(replicaPool), logger });

  const temporal = createTemporalClient(config);
  // In the background, because the API accepts jobs without Temporal too.
  retryUntilUp(logger, 'Temporal', async () => {
    await ensureSearchAttributes(temporal);
    await ensureReconciler(temporal, config.TEMPORAL_TASK_QUEUE);
  }).catch((error: unknown) => {
    logger.error({ err: error }, 'could not create the search attributes and the schedule of the reconciler');
  });

  const stopping = new AbortController();
  const isStopping = () => stopping.signal.aborted;
  const now = () => new Date();
  const runEvents = createRunEventHub({ db, logger, isStopping });
  const registry = createMetricsRegistry();
  createPoolMetrics(registry, { primary: pool, ...(replicaPool ? { replica: replicaPool } : {}) });
  createStreamMetrics(registry, runEvents.countReaders);
  const secrets = createSecretBox(config.SECRET_KEYS);
  const callWithoutTemporal = createCallWithoutTemporal({
    ...{ db, logger, secrets, temporal },
    dispatcher: createGuardedDispatcher(config.HTTP_TARGET_ALLOW, lookup, config),
    metrics: createRunMetrics(registry),
    permitMutex: createKeyedMutex(),
    taskQueue: config.TEMPORAL_TASK_QUEUE,
  });
  const judgeTimer = startJudgeTimer({ db, logger, callWithoutTemporal });
  const apps = createApps(
    config,
    {
      db,
      readList: replica?.readList ?? ((query) => query(db)),
      temporal,
      breaker: createCircuitBreaker('Temporal', classifyTemporalError),
      checkHealth: createHealthCheck({ db, temporal }),
      taskQueue: config.TEMPORAL_TASK_QUEUE,
      logger,
      secrets,
      temporalUiUrl: config.TEMPORAL_UI_URL,
      runRetentionMs: config.RUN_RETENTION_DAYS * DAY_MS,
      apiKeyPepper: config.API_KEY_PEPPER,
      limits: {
        jobsPerNamespace: config.MAX_JOBS_PER_NAMESPACE,
        minIntervalMs: config.MIN_INTERVAL_SECONDS * SECOND_MS,
      },
      runEvents,
      now,
      isStopping,
    },
    {
      authenticate: createAuthenticate(config, { db, logger, now }),
      countRequest: createRateLimits(config, db),
    },
    registry,
  );

  const certificateFiles =
    config.TLS_CERT_FILE && config.TLS_KEY_FILE
      ? { certFile: config.TLS_CERT_FILE, keyFile: config.TLS_KEY_FILE }
      : undefined;
  const certificate = certificateFiles && readCertificate(certificateFiles);
  const server = createHttpServer(toListener(apps.api), certificate);
  const internalServer = apps.internal && createHttpServer(toListener(apps.internal), certificate);
  if (internalServer && config.INTERNAL_PORT !== undefined) {
    const internalPort = await internalServer.listen(config.HOST, config.INTERNAL_PORT);
    logger.info(
      { host: config.HOST, port: internalPort },
      'serving documents and metrics on the internal port',
    );
  }
  if (certificateFiles && certificate)
    watchCertificate(certificateFiles, certificate, logger, (next) => {
      server.useCertificate(next);
      internalServer?.useCertificate(next);
    });
  const port = await server.listen(config.HOST, config.PORT);
  announceReady(port);
  logger.info({ host: config.HOST, port }, 'API is listening');

  const reason = await stopRequested;
  logger.info({ reason }, 'stopping');
  stopping.abort();
  await shutDown(logger, SHUTDOWN_TIMEOUT_MS, {
    server: async () => {
      const timer = setTimeout(runEvents.abortStreams, STREAM_GRACE_MS);
      await Promise.all([server.stop(), internalServer?.stop()]);
      clearTimeout(timer);
    },
    judge: () => judgeTimer.stop(),
    traces: stopTracing,
    temporal: () => temporal.connection.close(),
    replica: async () => replica?.stop(),
    database: () => db.destroy(),
  });
} catch (error) {
  failStart(logger, error);
}
