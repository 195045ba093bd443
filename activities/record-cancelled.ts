import { CANCELLED, endRun } from '../db/run-progress.ts';
import { runIdOf, type RunJobTask } from '../domain/run-job.ts';
import type { ActivityDependencies } from './dependencies.ts';

/** The activity that ends a run which was cancelled and whose last call has not recorded that. Doing it again changes nothing. */
export function createRecordCancelled({ db }: Pick<ActivityDependencies, 'db'>) {
  return async function recordCancelled(task: RunJobTask): Promise<void> {
    await endRun(db, runIdOf(task), CANCELLED, new Date());
  };
}
