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
 * Sends what Temporal's SDK logs through our logger, has it show its metrics at an address of this machine, and leave
 * signals to us. To be called once, before anything else of the SDK.
 */
export function installRuntime(logger: Logger, metricsAddress: string): void {
  Runtime.install({
    // It would stop all workers at once, those that wait for the calls of others too.
    shutdownSignals: [],
    telemetryOptions: {
      metrics: { prometheus: { bindAddress: metricsAddress, useSecondsForDurations: true } },
    },
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      logger[LEVELS[level]]({ ...meta, sdk: true }, message);
    }),
  });
}

/** How a worker polls and how much it takes on. Measured: docs/decisions/0003-temporal-tuning.md. */
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
    // Each of the workflow tasks may be at its first call.
    maxConcurrentLocalActivityExecutions: 200,
    // A heartbeat carries the outcome of a call; it must reach the server well within the heartbeat timeout.
    maxHeartbeatThrottleInterval: '1 second',
    shutdownGraceTime: '10 seconds',
  } satisfies WorkerOptions;
}

/** Those who wait for calls of this process: as many as there may be, for a call that is not asked after is broken off. */
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

/** The reconciler has little to do at a time, and ends at once when its worker does: another worker goes on. */
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
