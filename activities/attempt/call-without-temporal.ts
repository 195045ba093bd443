import { beginRun } from '../../db/runs/begin-run.ts';
import { isOpenState } from '../../domain/run/run-state.ts';
import { durationMs, formatDuration } from '../../domain/duration.ts';
import type { RunJobTask } from '../../domain/run/workflow-contract.ts';
import type { CallWithoutTemporal } from '../../scheduling/reconciler/make-late-calls.ts';
import type { ActivityDependencies } from './context.ts';
import { makeAttempt, type CallControl } from './make.ts';
import { recordResult } from './record.ts';
import { tracedRunLogFields } from './trace.ts';

/** `HAS_CALL_WITHOUT_WORKFLOW` of db/rules.ts counts on it. */
const LONGEST_CALL_MS = 9_000;

/** What a call needs whose end nobody requests: its timeout ends it. */
const UNTIL_ITS_TIMEOUT: CallControl = {
  cancellationSignal: new AbortController().signal,
  cancellationDetails: undefined,
};

/**
 * Makes one attempt of the call of a hook, without a workflow: begins it, calls, and records, as an activity does, with a
 * fencing token. Does nothing if somebody else makes it, or has. If it fails and another attempt follows, that is
 * made in the same way, or by the workflow, whoever comes first. Returns whether it made a call.
 */
export function createCallWithoutTemporal(dependencies: ActivityDependencies): CallWithoutTemporal {
  const { db, logger } = dependencies;
  return async (call) => {
    const startedAt = new Date();
    const { id, trigger, scheduled_at: scheduledAt } = call;
    const task: RunJobTask = {
      jobId: call.job_id,
      generation: call.generation,
      trigger,
      runId: id,
      scheduledAt: scheduledAt.toISOString(),
    };
    const run = await beginRun(db, {
      ...{ id, trigger, scheduledAt, startedAt, jobId: call.job_id, generation: call.generation },
      workflowId: call.workflow_id,
      temporalRunId: null,
      deadline: undefined,
      attempt: { isLocal: false, madeNumber: undefined, mayBeHeld: true },
    });
    if (!run || run.state === 'outdated' || !isOpenState(run.state)) return false;
    const number = run.attempts.length + 1;
    const { holder, target } = run;
    const isHolder =
      holder?.number === number &&
      holder.temporalRunId === null &&
      holder.startedAt === startedAt.toISOString();
    if (run.state !== 'running' || run.isHeld || !isHolder || target.type !== 'http') return false;
    logger.warn(tracedRunLogFields(run), 'no workflow makes the call of a hook; this process makes it');
    const timeout = formatDuration(Math.min(durationMs(target.timeout), LONGEST_CALL_MS));
    const ready = { task, run, number, token: holder.token };
    const result = await makeAttempt(dependencies, UNTIL_ITS_TIMEOUT, ready, { ...target, timeout });
    await recordResult(dependencies, run, result);
    return true;
  };
}
