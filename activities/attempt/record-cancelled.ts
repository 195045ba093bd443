import { CANCELLED, endRun } from '../../db/runs/run-progress.ts';
import { runIdOf, type RunJobTask } from '../../domain/run/workflow-contract.ts';
import { beginOfTask } from './begin-run.ts';
import type { ActivityDependencies } from './dependencies.ts';
import type { EndedAttempt } from './ended-attempt.ts';
import { recordEnd } from './record-end.ts';

/**
 * The activity that ends a run which was cancelled and whose last call has not recorded that; a call that was `made` and
 * could not be recorded before is recorded first, and may end the run as it ended. Doing it again changes nothing.
 */
export function createRecordCancelled(dependencies: ActivityDependencies) {
  const { db } = dependencies;
  return async function recordCancelled(task: RunJobTask, made?: EndedAttempt): Promise<void> {
    const run = made && (await beginOfTask(db, task));
    if (run && made) await recordEnd(dependencies, run, made);
    await endRun(db, runIdOf(task), CANCELLED, new Date());
  };
}
