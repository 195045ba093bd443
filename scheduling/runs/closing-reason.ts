import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { reasonFor, type Reason, type ReasonCode } from '../../domain/run/reasons.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';

const MAX_LENGTH = 500;

/** The reason of a closed workflow: the usual words of the code, and what the workflow's last event says. */
export async function findClosingReason(
  temporal: Client,
  { workflowId, runId }: WorkflowExecutionDescription,
  code: ReasonCode,
): Promise<Reason> {
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
  const { reason } = reasonFor(code);
  return reasonFor(code, said ? `${reason}: ${said}`.slice(0, MAX_LENGTH) : reason);
}
