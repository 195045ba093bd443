import {
  DefaultLogger,
  Runtime,
  type LogLevel,
  type WorkerOptions,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import { MAX_IN_FLIGHT_CALLS } from '../activities/attempt/in-flight-calls.ts';
import type { Config } from '../platform/config.ts';
import type { Logger } from '../platform/logger.ts';
import { reconcilerTaskQueueOf } from '../scheduling/temporal/task-queues.ts';

const LEVELS: Record<LogLevel, 'trace' | 'debug' | 'info' | 'warn' | 'error'> = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'debug',
  WARN: 'warn',
  ERROR: 'error',
};

/**
 * Configures Temporal's SDK: it logs through our logger, serves its metrics at `metricsAddress`, and ignores signals. Must be
 * called once, before anything else of the SDK.
 */
export function installRuntime(logger: Logger, metricsAddress: string): void {
  Runtime.install({
    // At a signal, the SDK would stop all workers at once. The one for in-flight calls has to outlive the others.
    shutdownSignals: [],
    telemetryOptions: {
      metrics: { prometheus: { bindAddress: metricsAddress, useSecondsForDurations: true } },
    },
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      logger[LEVELS[level]]({ ...meta, sdk: true }, message);
    }),
  });
}

/** Polling and concurrency of a worker. The values were measured: docs/decisions/0003-temporal-tuning.md. */
export function workerOptions(
  config: Pick<Config, 'TEMPORAL_NAMESPACE' | 'TEMPORAL_TASK_QUEUE'>,
  workflowBundle: WorkflowBundleOption,
) {
  return {
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue: config.TEMPORAL_TASK_QUEUE,
    workflowBundle,
    nonStickyToStickyPollRatio: 0.8,
    workflowTaskPollerBehavior: { type: 'simple-maximum', maximum: 20 },
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 20 },
    maxConcurrentWorkflowTaskExecutions: 200,
    maxConcurrentActivityTaskExecutions: 500,
    // As many as workflow tasks, because each can be making its first call.
    maxConcurrentLocalActivityExecutions: 200,
    // A heartbeat carries the result of a call, and must reach the server well within the heartbeat timeout.
    maxHeartbeatThrottleInterval: '1 second',
    shutdownGraceTime: '10 seconds',
  } satisfies WorkerOptions;
}

/** The worker for activities that wait for in-flight calls of this process: as many as calls, because a call without a waiter is aborted. */
export function callsOptions(config: Pick<Config, 'TEMPORAL_NAMESPACE'>, taskQueue: string) {
  return {
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue,
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 5 },
    maxConcurrentActivityTaskExecutions: MAX_IN_FLIGHT_CALLS,
    maxHeartbeatThrottleInterval: '1 second',
    shutdownGraceTime: '10 seconds',
  } satisfies WorkerOptions;
}

/** The worker of the reconciler. It stops without a grace time, because another worker continues the pass. */
export function reconcilerOptions(config: Config, workflowBundle: WorkflowBundleOption) {
  return {
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue: reconcilerTaskQueueOf(config.TEMPORAL_TASK_QUEUE),
    workflowBundle,
    workflowTaskPollerBehavior: { type: 'simple-maximum', maximum: 2 },
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 1 },
    maxConcurrentWorkflowTaskExecutions: 2,
    maxConcurrentActivityTaskExecutions: 2,
    maxCachedWorkflows: 2,
    maxHeartbeatThrottleInterval: '1 second',
    shutdownGraceTime: 0,
  } satisfies WorkerOptions;
}
