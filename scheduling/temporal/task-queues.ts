import { invalid } from '../../domain/errors.ts';
import type { Target, StoredTarget } from '../../domain/target/target.ts';

/** The task queue of the reconciler alone, so that no backlog of runs delays it. */
export const reconcilerTaskQueueOf = (taskQueue: string) => `${taskQueue}-reconciler`;

/** The task queue of one process, for tasks about its in-flight calls. */
export const callsTaskQueueOf = (taskQueue: string, processId: string) => `${taskQueue}-calls-${processId}`;

/**
 * Why a target must not run: its task queue belongs to this service, whose workflows and activities trust
 * their input. Undefined if it may run. Pure.
 */
export function findOwnQueue(target: Target | StoredTarget, taskQueue: string): string | undefined {
  if (target.type === 'http') return undefined;
  const isOwn =
    [taskQueue, reconcilerTaskQueueOf(taskQueue)].includes(target.taskQueue) ||
    target.taskQueue.startsWith(callsTaskQueueOf(taskQueue, ''));
  return isOwn
    ? 'this task queue belongs to the scheduler itself; name the one that your own worker polls'
    : undefined;
}

/** Refuses a target on a task queue of this service. @throws SchedulerError `invalid` */
export function refuseOwnQueues(target: Target | StoredTarget, taskQueue: string): void {
  const message = findOwnQueue(target, taskQueue);
  if (message) throw invalid([{ path: 'target.taskQueue', code: 'reserved', message }]);
}
