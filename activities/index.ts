import type { ReconcileDependencies } from '../scheduling/reconciler/reconcile-dependencies.ts';
import { createAwaitCall } from './await-call.ts';
import type { InFlightCalls } from './attempt/in-flight-calls.ts';
import type { ActivityDependencies } from './attempt/dependencies.ts';
import { createReconcileJobs } from './reconcile-jobs.ts';
import { createRecordCancelled } from './attempt/record-cancelled.ts';
import { createRecordOutcome } from './attempt/record-outcome.ts';
import { createRunTarget } from './run-target.ts';
import { createStartCall } from './start-call.ts';

/** The activities of runs, by the names under which workflows call them. */
export function createActivities(dependencies: ActivityDependencies, calls: InFlightCalls) {
  return {
    // Its name stands in the histories of runs that are under way, and stays what it was before there were other targets.
    runHttpTarget: createRunTarget(dependencies),
    startCall: createStartCall(dependencies, calls),
    recordOutcome: createRecordOutcome(dependencies),
    recordCancelled: createRecordCancelled(dependencies),
  };
}

export type Activities = ReturnType<typeof createActivities>;

/** The activities that concern the calls of one process, on a task queue of its own. */
export function createCallActivities(calls: InFlightCalls) {
  return { awaitCall: createAwaitCall(calls) };
}

export type CallActivities = ReturnType<typeof createCallActivities>;

/** The activities of the reconciler, on a task queue of its own. */
export function createReconcilerActivities(dependencies: ReconcileDependencies) {
  return { reconcileJobs: createReconcileJobs(dependencies) };
}

export type ReconcilerActivities = ReturnType<typeof createReconcilerActivities>;
