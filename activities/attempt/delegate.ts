import type { BegunRun } from '../../db/runs/begin-run.ts';
import { durationMs } from '../../domain/duration.ts';
import { workflowIdOfTarget } from '../../domain/run/ids.ts';
import type { AttemptResult, DelegatedAttempt } from '../../domain/run/workflow-contract.ts';
import { fillIn, type PlaceholderValues } from '../../domain/target/placeholder.ts';
import type { StoredTarget } from '../../domain/target/target.ts';
import type { ActivityTarget, WorkflowTarget } from '../../domain/target/temporal-target.ts';
import { findOwnQueue } from '../../scheduling/temporal/task-queues.ts';
import { toResult } from './record.ts';

/** Temporal takes 2 MB in one message. Placeholders, filled in, may have made the arguments longer. */
const MAX_ARGS_BYTES = 1_500_000;

/** Prepares an attempt for the workflow to make, with the placeholders filled in. Pure. */
export function delegate(
  { id: runId, deadline }: Pick<BegunRun, 'id' | 'deadline'>,
  target: WorkflowTarget | ActivityTarget,
  values: PlaceholderValues,
  token: number | undefined,
): DelegatedAttempt {
  const number = Number(values.attempt);
  return {
    number,
    kind: target.type,
    name: target.type === 'workflow' ? target.workflowType : target.activityType,
    taskQueue: target.taskQueue,
    args: target.args.map((value) => fillIn(value, { ...values })),
    workflowId: workflowIdOfTarget(runId, number),
    ...(token === undefined ? {} : { token }),
    ...(target.timeout === undefined ? {} : { timeoutMs: durationMs(target.timeout) }),
    ...(target.type === 'workflow' || target.heartbeatTimeout === undefined
      ? {}
      : { heartbeatTimeoutMs: durationMs(target.heartbeatTimeout) }),
    ...(deadline ? { deadline: deadline.at.toISOString() } : {}),
  };
}

/**
 * The result of an attempt that must not be delegated; undefined if it may be. `ownTaskQueue` is this
 * service's. Pure.
 */
export function findRefusal(
  { number, token, args }: DelegatedAttempt,
  target: StoredTarget,
  run: Pick<BegunRun, 'retry' | 'deadline'>,
  ownTaskQueue: string,
): AttemptResult | undefined {
  // Refused when the job was created, but this service may use another task queue since then.
  const error = findOwnQueue(target, ownTaskQueue) ?? findExcess(args);
  if (error === undefined) return undefined;
  const now = new Date();
  const times = { startedAt: now, endedAt: now };
  return toResult(
    { number, ...times, verdict: 'final', statusCode: null, error, responseExcerpt: null },
    run,
    token,
  );
}

const findExcess = (args: unknown[]): string | undefined =>
  Buffer.byteLength(JSON.stringify(args)) > MAX_ARGS_BYTES
    ? `its arguments, filled in, are larger than ${MAX_ARGS_BYTES} bytes`
    : undefined;
