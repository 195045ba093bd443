import { durationMs } from '../../domain/duration.ts';
import { fillIn, type PlaceholderValues } from '../../domain/target/placeholder.ts';
import type { RunDeadline } from '../../domain/run/run-deadline.ts';
import { workflowIdOfTarget, type DelegatedAttempt } from '../../domain/run/workflow-contract.ts';
import type { ActivityTarget, WorkflowTarget } from '../../domain/target/temporal-target.ts';

/** What a workflow needs to know to make one attempt of a run with a target of the user's own, placeholders filled in. Pure. */
export function delegate(
  { id: runId, deadline }: { id: string; deadline: RunDeadline | undefined },
  target: WorkflowTarget | ActivityTarget,
  values: PlaceholderValues,
): DelegatedAttempt {
  const number = Number(values.attempt);
  return {
    runId,
    state: 'handedOver',
    number,
    kind: target.type,
    name: target.type === 'workflow' ? target.workflowType : target.activityType,
    taskQueue: target.taskQueue,
    args: target.args.map((value) => fillIn(value, { ...values })),
    workflowId: workflowIdOfTarget(runId, number),
    ...(target.timeout === undefined ? {} : { timeoutMs: durationMs(target.timeout) }),
    ...(target.type === 'workflow' || target.heartbeatTimeout === undefined
      ? {}
      : { heartbeatTimeoutMs: durationMs(target.heartbeatTimeout) }),
    ...(deadline ? { deadline: deadline.at.toISOString() } : {}),
  };
}
