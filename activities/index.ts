import type { ReconcileDependencies } from '../scheduling/reconciler/reconcile-dependencies.ts';
import { createAwaitCall } from './await-call.ts';
import type { InFlightCalls } from './attempt/in-flight-calls.ts';
import type { ActivityDependencies } from './attempt/context.ts';
import type { HeartbeatClient } from './attempt/liveness.ts';
import { createReconcileJobs } from './reconcile-jobs.ts';
import { createRecordCancelled, createRecordOutcome } from './record-outcome.ts';
import { createRunTarget } from './run-target.ts';
import { createStartCall } from './start-call.ts';

/** The activities of runs, by the names under which workflows call them. */
export function createActivities(dependencies: ActivityDependencies, calls: InFlightCalls) {
  return {
    // Makes attempts of every kind of target. Histories hold its name, which is older than the other kinds.
    runHttpTarget: createRunTarget(dependencies),
    startCall: createStartCall(dependencies, calls),
    recordOutcome: createRecordOutcome(dependencies),
    recordCancelled: createRecordCancelled(dependencies),
  };
}

export type Activities = ReturnType<typeof createActivities>;

/**
 * The activity that waits for calls in flight in this process, on a task queue that no other process
 * polls.
 */
export function createCallActivities(calls: InFlightCalls, temporal: HeartbeatClient) {
  return { awaitCall: createAwaitCall(calls, temporal) };
}

export type CallActivities = ReturnType<typeof createCallActivities>;

/** The activities of the reconciler, on a task queue of its own. */
export function createReconcilerActivities(dependencies: ReconcileDependencies) {
  return { reconcileJobs: createReconcileJobs(dependencies) };
}

export type ReconcilerActivities = ReturnType<typeof createReconcilerActivities>;
