import type { ActivityDependencies } from './dependencies.ts';
import { createRunHttpTarget } from './run-http-target.ts';

/** All activities, by the names under which workflows call them. */
export function createActivities(dependencies: ActivityDependencies) {
  return { runHttpTarget: createRunHttpTarget(dependencies) };
}

export type Activities = ReturnType<typeof createActivities>;
