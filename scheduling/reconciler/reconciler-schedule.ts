import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import { RECONCILER_SCHEDULE_ID } from '../../domain/run/ids.ts';
import { RECONCILE_WORKFLOW } from '../../domain/run/workflow-contract.ts';
import { reconcilerTaskQueueOf } from '../temporal/task-queues.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';

/**
 * Creates the reconciler's own Temporal Schedule if it does not exist, and starts one of its workflows if
 * none is in progress. Each workflow goes on for about a minute, and the next one follows it.
 */
export async function ensureReconciler(temporal: Client, taskQueue: string): Promise<void> {
  await withinDeadline(temporal, async () => {
    try {
      await temporal.schedule.create({
        scheduleId: RECONCILER_SCHEDULE_ID,
        spec: { intervals: [{ every: '1 minute' }] },
        policies: { overlap: ScheduleOverlapPolicy.BUFFER_ONE, catchupWindow: '1 minute' },
        action: {
          type: 'startWorkflow',
          workflowType: RECONCILE_WORKFLOW,
          workflowId: RECONCILER_SCHEDULE_ID,
          taskQueue: reconcilerTaskQueueOf(taskQueue),
          workflowExecutionTimeout: '10 minutes',
          staticSummary: 'Makes Temporal match the jobs, and rescues open runs',
        },
      });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    }
    await temporal.schedule.getHandle(RECONCILER_SCHEDULE_ID).trigger(ScheduleOverlapPolicy.SKIP);
  });
}
