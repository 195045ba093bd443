import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { withinDeadline } from '../temporal/within-deadline.ts';

const MAX_LENGTH = 500;

/** What the last event of a closed workflow says about its end, after `words`. */
export async function findClosingReason(
  temporal: Client,
  { workflowId, runId }: WorkflowExecutionDescription,
  words: string,
): Promise<string> {
  const { history } = await withinDeadline(temporal, () =>
    temporal.workflowService.getWorkflowExecutionHistory({
      namespace: temporal.options.namespace,
      execution: { workflowId, runId },
      maximumPageSize: 1,
      historyEventFilterType: 2, // HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT
    }),
  );
  const event = history?.events?.[0];
  const failure = event?.workflowExecutionFailedEventAttributes?.failure;
  const said =
    event?.workflowExecutionTerminatedEventAttributes?.reason ||
    (failure?.cause?.message ?? failure?.message);
  return said ? `${words}: ${said}`.slice(0, MAX_LENGTH) : words;
}
