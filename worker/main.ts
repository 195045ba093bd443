import { NativeConnection, Worker } from '@temporalio/worker';
import { createActivities } from '../activities/index.ts';
import { createGuardedDispatcher } from '../activities/guarded-dispatcher.ts';
import { createDatabase } from '../db/database.ts';
import { requireCurrentSchema } from '../db/migrate.ts';
import { pingDatabase } from '../db/unavailable.ts';
import { readConfig } from '../platform/config.ts';
import { createLogger } from '../platform/logger.ts';
import { retryUntilUp } from '../platform/retry-until-up.ts';
import { announceReady, failStart, shutDown, whenAskedToStop } from '../platform/shutdown.ts';
import { createTemporalClient, temporalConnectionOptions } from '../platform/temporal.ts';
import { ensureSearchAttributes } from '../scheduling/search-attributes.ts';
import { startHealthServer } from './health-server.ts';
import { startReconcileTimer } from './reconcile-timer.ts';
import { installRuntime, workerOptions } from './worker-options.ts';

// npm run worker: runs what Temporal's schedules start. Any number of these may run side by side.
const logger = createLogger({ level: process.env['LOG_LEVEL'] || 'info', name: 'worker' });
try {
  const config = readConfig(process.env);
  installRuntime(logger);
  const stopRequested = whenAskedToStop();

  const db = createDatabase(config, logger, 'scheduler-worker');
  await retryUntilUp(logger, 'Postgres', () => pingDatabase(db));
  await requireCurrentSchema(db);
  const temporal = createTemporalClient(config);
  const connection = await retryUntilUp(logger, 'Temporal', () =>
    NativeConnection.connect(temporalConnectionOptions(config)),
  );
  await ensureSearchAttributes(temporal);

  const dispatcher = createGuardedDispatcher(config.HTTP_TARGET_ALLOW);
  const activities = createActivities({ db, logger, dispatcher });
  const worker = await Worker.create({ ...workerOptions(config), connection, activities });
  const reconcileTimer = startReconcileTimer({ db, temporal, taskQueue: config.TEMPORAL_TASK_QUEUE, logger });
  const health = await startHealthServer({
    host: config.HOST,
    port: config.WORKER_PORT,
    isReady: () => worker.getState() === 'RUNNING',
  });

  const running = worker.run();
  announceReady(health.port);
  logger.info({ taskQueue: config.TEMPORAL_TASK_QUEUE, healthPort: health.port }, 'worker is running');

  // Temporal's runtime hears SIGINT and SIGTERM by itself; a parent that is gone it does not.
  const reason = await Promise.race([stopRequested, running.then(() => 'the worker ended')]);
  logger.info({ reason }, 'stopping');
  if (worker.getState() === 'RUNNING') worker.shutdown();
  await shutDown(logger, 30_000, {
    timer: () => reconcileTimer.stop(),
    worker: () => running,
    health: () => health.stop(),
    calls: () => dispatcher.close(),
    temporal: () => Promise.all([connection.close(), temporal.connection.close()]),
    database: () => db.destroy(),
  });
} catch (error) {
  failStart(logger, error);
}
