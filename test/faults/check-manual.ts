import { toText, type Finding, type FindingKind } from './findings.ts';
import type { IndexedLog } from './index-log.ts';
import { windowOf, type JobHistory } from './history.ts';
import type { FaultRecord, OperationRecord } from './log.ts';
import { lateAfter, timedOutNearFault } from './near-faults.ts';

/** The findings about manual runs and retries. */
export interface ManualCheck {
  findings: Finding[];
  expected: number;
  called: number;
}

/** Compares the runs that clients asked for with their traces. `faults` are in the order of their start. */
export function checkManual(
  { requested, operationsOf }: IndexedLog,
  histories: ReadonlyMap<string, JobHistory>,
  operations: readonly OperationRecord[],
  faults: readonly FaultRecord[],
): ManualCheck {
  const result: ManualCheck = { findings: [], expected: 0, called: 0 };
  const asked = new Map<string, OperationRecord>();
  /** Requests without an answer may have created a run, whose id is unknown. */
  const allowance = new Map<string, number>();
  for (const operation of operations) {
    if (operation.kind !== 'run' && operation.kind !== 'retry') continue;
    if (operation.runId !== null) asked.set(operation.runId, operation);
    else if (operation.outcome === 'unknown' && operation.jobId !== null)
      allowance.set(operation.jobId, (allowance.get(operation.jobId) ?? 0) + 1);
  }

  for (const [run, { calls, workflows, runs }] of requested) {
    const operation = asked.get(run);
    const job = operation?.jobId ?? calls[0]?.job ?? runs[0]?.job ?? null;
    const find = (kind: FindingKind, detail: string) =>
      result.findings.push({ kind, job, scheduledAt: null, detail: `run ${run}: ${detail}` });

    const executions = new Set(workflows.map(({ executionId }) => executionId));
    if (executions.size > 1) find('duplicate', `${executions.size} executions in Temporal`);
    if (!operation) {
      const left = job === null ? 0 : (allowance.get(job) ?? 0);
      if (job !== null && left > 0) allowance.set(job, left - 1);
      else find('phantom', 'nobody was told of this run');
      continue;
    }
    const { until } = windowOf(operation);
    result.expected++;
    const [first] = calls;
    if (first) {
      result.called++;
      const deadline = lateAfter(faults, until);
      if (first.at > deadline) find('late', `called ${first.at - until} ms after it was asked for`);
      continue;
    }
    // A run makes no call if its job is deleted before it starts, which it may have to wait for; nor if it timed out near a
    // fault, or was cancelled, which is compared with the requests elsewhere.
    const { traits } = histories.get(job ?? '') ?? {};
    if (runs.some((one) => one.state === 'cancelled' || timedOutNearFault(faults, traits, one, until)))
      continue;
    const deleted = operationsOf.get(job ?? '')?.find(({ kind }) => kind === 'delete');
    const startedBy = Math.max(
      lateAfter(faults, until),
      ...runs.filter(({ reasonCode }) => reasonCode === 'jobDeleted').map(({ endedAt }) => endedAt ?? 0),
    );
    if (deleted && windowOf(deleted).from <= startedBy) continue;
    // The request may be lost with what it had written.
    if (operation.outcome === 'unknown') continue;
    const states = runs.map(({ state, reason }) => `${state} (${reason ?? ''})`).join(', ');
    find(
      'missing',
      `asked for until ${toText(until)}, and no call; workflows: ${workflows.length}; recorded: ${states}`,
    );
  }
  return result;
}
