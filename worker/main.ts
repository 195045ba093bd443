import { randomUUID } from 'node:crypto';
import { lookup } from 'node:dns';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createInFlightCalls } from '../activities/attempt/in-flight-calls.ts';
import { createCallWithoutTemporal } from '../activities/attempt/call-without-temporal.ts';
import { createActivities, createCallActivities, createReconcilerActivities } from '../activities/index.ts';
import { createGuardedDispatcher } from '../activities/call/guarded-dispatcher.ts';
import { createRunMetrics } from '../activities/attempt/metrics.ts';
import { createPool, databaseOf } from '../db/database.ts';
import { requireCurrentSchema } from '../db/migrate.ts';
import { createPoolMetrics } from '../db/pool-metrics.ts';
import { warnWithoutTimeout } from '../db/statement-timeout.ts';
import { pingDatabase } from '../db/unavailable.ts';
import { DAY_MS, SECOND_MS } from '../domain/milliseconds.ts';
import { readConfig } from '../platform/config.ts';
import { createKeyedMutex } from '../platform/keyed-mutex.ts';
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
import { createTemporalClient, temporalConnectionOptions } from '../platform/temporal.ts';
import { createPassMetrics } from '../scheduling/reconciler/pass-metrics.ts';
import { startTracing } from '../platform/tracing.ts';
import { ensureReconciler } from '../scheduling/reconciler/reconciler-schedule.ts';
import { createDriftMetrics } from '../scheduling/schedules/drift-metrics.ts';
import { ensureSearchAttributes } from '../scheduling/temporal/search-attributes.ts';
import { callsTaskQueueOf } from '../scheduling/temporal/task-queues.ts';
import { classifyTemporalError } from '../scheduling/temporal/temporal-errors.ts';
import { startHealthServer } from './health-server.ts';
import { startReconcileTimer } from './reconcile-timer.ts';
import { findMetricsAddress, readSdkMetrics } from './sdk-metrics.ts';
import { createStateMetrics } from './state-metrics.ts';
import { callsOptions, installRuntime, reconcilerOptions, workerOptions } from './worker-options.ts';
import { startTemporalRelay, watchTemporal } from './temporal-relay.ts';
import { loadWorkflows } from './workflow-bundle.ts';

const SHUTDOWN_TIMEOUT_MS = 30 * SECOND_MS;

// npm run worker: executes the runs that Temporal's schedules start. Any number of these processes can run side by side.
const config = configureOrExit(() => readConfig(process.env));
const logger = createLogger({ level: config.LOG_LEVEL, name: 'worker' });
try {
  const sdkMetricsAddress = await findMetricsAddress();
  installRuntime(logger, sdkMetricsAddress);
  const stopRequested = whenAskedToStop();
  const stopTracing = await startTracing(config, 'scheduler-worker', logger);

  const pool = createPool(config, logger, 'scheduler-worker');
  const db = databaseOf(pool);
  await retryUntilUp(logger, 'Postgres', () => pingDatabase(db));
  await requireCurrentSchema(db);
  await warnWithoutTimeout(db, logger);
  const temporal = createTemporalClient(config);
  const relay = await startTemporalRelay(config.TEMPORAL_ADDRESS);
  const connection = await retryUntilUp(logger, 'Temporal', () =>
    NativeConnection.connect({
      ...temporalConnectionOptions(config),
      proxy: { type: 'http-connect', targetHost: relay.targetHost },
    }),
  );
  watchTemporal(connection, relay, logger);
  await ensureSearchAttributes(temporal);

  const registry = createMetricsRegistry();
  createPoolMetrics(registry, { primary: pool });
  createStateMetrics(registry, { db, temporal, taskQueue: config.TEMPORAL_TASK_QUEUE, logger });

  const secrets = createSecretBox(config.SECRET_KEYS);
  const dispatcher = createGuardedDispatcher(config.HTTP_TARGET_ALLOW, lookup, config);
  const calls = createInFlightCalls(callsTaskQueueOf(config.TEMPORAL_TASK_QUEUE, randomUUID()), logger);
  const permitMutex = createKeyedMutex();
  const dependencies = {
    db,
    logger,
    dispatcher,
    secrets,
    temporal,
    permitMutex,
    taskQueue: config.TEMPORAL_TASK_QUEUE,
  };
  const runDependencies = { ...dependencies, metrics: createRunMetrics(registry) };
  const activities = createActivities(runDependencies, calls);
  const workflows = await loadWorkflows();
  const worker = await Worker.create({ ...workerOptions(config, workflows), connection, activities });
  // In-flight calls: each process has a task queue of its own for the activities that wait for its calls.
  const callsWorker = await Worker.create({
    ...callsOptions(config, calls.taskQueue),
    connection,
    activities: createCallActivities(calls, temporal),
  });
  const reconcilerDependencies = {
    db,
    temporal,
    breaker: createCircuitBreaker('Temporal', classifyTemporalError),
    taskQueue: config.TEMPORAL_TASK_QUEUE,
    logger,
    secrets,
    permitMutex,
    runRetentionMs: config.RUN_RETENTION_DAYS * DAY_MS,
    sweepIntervalMs: config.SWEEP_INTERVAL_SECONDS * SECOND_MS,
    observePass: createPassMetrics(registry),
    countDrift: createDriftMetrics(registry),
    callWithoutTemporal: createCallWithoutTemporal(runDependencies),
    heartbeatUrl: config.HEARTBEAT_URL,
  };
  const reconcilerWorker = await Worker.create({
    ...reconcilerOptions(config, workflows),
    connection,
    activities: createReconcilerActivities(reconcilerDependencies),
  });
  const reconcileTimer = startReconcileTimer(reconcilerDependencies);
  const health = await startHealthServer({
    host: config.HOST,
    port: config.WORKER_PORT,
    isReady: () => worker.getState() === 'RUNNING',
    readMetrics: async () => (await registry.metrics()) + (await readSdkMetrics(sdkMetricsAddress)),
    logger,
  });

  const running = Promise.all([worker.run(), callsWorker.run(), reconcilerWorker.run()]);
  announceReady(health.port);
  logger.info({ taskQueue: config.TEMPORAL_TASK_QUEUE, healthPort: health.port }, 'worker is running');

  ensureReconciler(temporal, config.TEMPORAL_TASK_QUEUE).catch((error: unknown) => {
    logger.warn({ err: error }, 'could not create the schedule of the reconciler yet');
  });

  const reason = await Promise.race([stopRequested, running.then(() => 'the worker ended')]);
  logger.info({ reason }, 'stopping');
  const stop = (part: Worker) => part.getState() === 'RUNNING' && part.shutdown();
  [worker, reconcilerWorker].forEach(stop);
  // Workflows wait for the in-flight calls of this process on its own task queue, so that worker stops last.
  void calls.drain().then(() => stop(callsWorker));
  await shutDown(logger, SHUTDOWN_TIMEOUT_MS, {
    timer: () => reconcileTimer.stop(),
    worker: () => running,
    health: () => health.stop(),
    traces: stopTracing,
    temporal: () => Promise.all([connection.close(), temporal.connection.close()]),
    relay: async () => relay.stop(),
    database: () => db.destroy(),
  });
} catch (error) {
  failStart(logger, error);
}
