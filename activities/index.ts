import type { ReconcileDependencies } from '../scheduling/reconcile.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { createReconcileJobs } from './reconcile-jobs.ts';
import { createRecordCancelled } from './record-cancelled.ts';
import { createRunHttpTarget } from './run-http-target.ts';

/** The activities of runs, by the names under which workflows call them. */
export function createActivities(dependencies: ActivityDependencies) {
  return {
    runHttpTarget: createRunHttpTarget(dependencies),
    recordCancelled: createRecordCancelled(dependencies),
  };
}

export type Activities = ReturnType<typeof createActivities>;

/** The activities of the reconciler, on a task queue of its own. */
export function createReconcilerActivities(dependencies: ReconcileDependencies) {
  return { reconcileJobs: createReconcileJobs(dependencies) };
}

export type ReconcilerActivities = ReturnType<typeof createReconcilerActivities>;
