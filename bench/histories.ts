import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { waitFor } from '../test/support/wait-for.ts';

/** The history of one run in Temporal. */
export interface RunHistory {
  /** The types of its events in order, such as `WORKFLOW_EXECUTION_STARTED`. */
  types: string[];
  actions: number;
}

interface Event {
  eventType: string;
  activityTaskStartedEventAttributes?: { attempt?: number };
}

/**
 * The billed actions of Temporal Cloud for an event; 0 for other events. A start by a schedule counts two in addition to
 * that of the workflow. Heartbeats and queries are not in a history and come on top.
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

/** The history of the only run of a Temporal Schedule; undefined if there is none within ten seconds. */
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
    // All attempts of an activity are one event.
    if (type === 'ACTIVITY_TASK_STARTED') actions += event.activityTaskStartedEventAttributes?.attempt ?? 1;
    if (type === 'WORKFLOW_TASK_COMPLETED') workflowTasks++;
    // All local activities of a workflow task count as one.
    if (type === 'MARKER_RECORDED') markers.add(workflowTasks);
  }
  return { types: events.map(typeOf), actions: actions + markers.size };
}
