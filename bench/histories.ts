import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { waitFor } from '../test/support/wait-for.ts';

/** What one run left in Temporal. */
export interface RunHistory {
  /** Types of events, in their order, such as `WORKFLOW_EXECUTION_STARTED`. */
  types: string[];
  actions: number;
}

interface Event {
  eventType: string;
  activityTaskStartedEventAttributes?: { attempt?: number };
}

/**
 * What Temporal Cloud counts for an event; 0 for what is not here. A schedule's start counts as two beside that of the
 * workflow. Not in a history, and to be added: heartbeats and queries.
 * Source: https://docs.temporal.io/cloud/actions
 */
const ACTIONS: Record<string, number> = {
  WORKFLOW_EXECUTION_STARTED: 3,
  TIMER_STARTED: 1,
  WORKFLOW_EXECUTION_SIGNALED: 1,
  UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 1,
  WORKFLOW_EXECUTION_UPDATE_ACCEPTED: 1,
  WORKFLOW_EXECUTION_OPTIONS_UPDATED: 1,
  START_CHILD_WORKFLOW_EXECUTION_INITIATED: 2,
  SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: 1,
  NEXUS_OPERATION_SCHEDULED: 1,
};

/** The history of the one run that a Temporal Schedule has started; undefined if there is none within ten seconds. */
export async function readHistory(client: Client, scheduleId: string): Promise<RunHistory | undefined> {
  const query = `TemporalScheduledById = "${scheduleId}" AND ExecutionStatus = "Completed"`;
  const found = await waitFor(
    `a run of ${scheduleId}`,
    async () => {
      for await (const found of client.workflow.list({ query, pageSize: 1 })) return found;
      return undefined;
    },
    10_000,
  ).catch(() => undefined);
  if (!found) return undefined;
  const history = await client.workflow.getHandle(found.workflowId, found.runId).fetchHistory();
  const { events } = JSON.parse(historyToJSON(history)) as { events: Event[] };
  const typeOf = ({ eventType }: Event) => eventType.replace('EVENT_TYPE_', '');
  const markers = new Set<number>();
  let actions = 0;
  let workflowTasks = 0;
  for (const event of events) {
    const type = typeOf(event);
    actions += ACTIONS[type] ?? 0;
    // An activity that was tried again and again is one event.
    if (type === 'ACTIVITY_TASK_STARTED') actions += event.activityTaskStartedEventAttributes?.attempt ?? 1;
    if (type === 'WORKFLOW_TASK_COMPLETED') workflowTasks++;
    // All local activities of a workflow task count as one.
    if (type === 'MARKER_RECORDED') markers.add(workflowTasks);
  }
  return { types: events.map(typeOf), actions: actions + markers.size };
}
