import type { Client } from '@temporalio/client';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import { withinDeadline } from './within-deadline.ts';

/** The tasks of one kind that wait in Temporal for workers. */
export interface Backlog {
  taskType: keyof typeof TASK_QUEUE_TYPES;
  tasks: number;
  /** The age of the oldest one. */
  ageSeconds: number;
}

/** As temporal.api.enums.v1.TaskQueueType numbers them. */
const TASK_QUEUE_TYPES = { workflow: 1, activity: 2 } as const;

/** The tasks that wait on a task queue, as Temporal estimates them. @throws any error of Temporal's client */
export function findBacklog(temporal: Client, taskQueue: string): Promise<Backlog[]> {
  const { namespace } = temporal.options;
  return withinDeadline(temporal, () =>
    Promise.all(
      (['workflow', 'activity'] as const).map(async (taskType) => {
        const { stats } = await temporal.workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name: taskQueue },
          taskQueueType: TASK_QUEUE_TYPES[taskType],
          reportStats: true,
        });
        const age = stats?.approximateBacklogAge;
        return {
          taskType,
          tasks: Number(stats?.approximateBacklogCount ?? 0),
          ageSeconds: Number(age?.seconds ?? 0) + (age?.nanos ?? 0) / (SECOND_MS * 1_000_000),
        };
      }),
    ),
  );
}
