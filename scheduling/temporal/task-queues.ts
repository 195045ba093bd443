import { invalid } from '../../domain/errors.ts';
import type { Target, StoredTarget } from '../../domain/target/target.ts';

/** The reconciler's task queue: its own, so that no backlog of runs keeps it waiting. */
export const reconcilerTaskQueueOf = (taskQueue: string) => `${taskQueue}-reconciler`;

/** The task queue of one process, for what it alone can answer. */
export const callsTaskQueueOf = (taskQueue: string, processId: string) => `${taskQueue}-calls-${processId}`;

/**
 * Why a target must not run, because its task queue is one of this service itself: whoever may create jobs could start
 * with it what this service trusts. Undefined: it may. Pure.
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

/** @throws SchedulerError `invalid` for a target on a task queue of this service itself */
export function refuseOwnQueues(target: Target | StoredTarget, taskQueue: string): void {
  const message = findOwnQueue(target, taskQueue);
  if (message) throw invalid([{ path: 'target.taskQueue', code: 'reserved', message }]);
}
