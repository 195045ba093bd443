import type { Dispatcher } from 'undici';
import type { Database } from '../db/database.ts';
import type { Logger } from '../platform/logger.ts';
import { createRunHttpTarget } from './run-http-target.ts';

/** What activities work with. */
export interface ActivityDependencies {
  db: Database;
  logger: Logger;
  /** Every call to a target goes through it: it checks the address. */
  dispatcher: Dispatcher;
}

/** All activities, by the names under which workflows call them. */
export function createActivities(dependencies: ActivityDependencies) {
  return { runHttpTarget: createRunHttpTarget(dependencies) };
}

export type Activities = ReturnType<typeof createActivities>;
