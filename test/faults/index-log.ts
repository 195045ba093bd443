import type { FaultLog, OperationRecord, RunRecord, TargetCall, WorkflowRecord } from './log.ts';

/** The traces of one occurrence or one manual run. */
export interface Traces {
  calls: TargetCall[];
  workflows: WorkflowRecord[];
  runs: RunRecord[];
}

/** The entries of a log by job, occurrence and run. */
export interface IndexedLog {
  operationsOf: Map<string, OperationRecord[]>;
  /** By job, then by nominal time. */
  occurrencesOf: Map<string, Map<number, Traces>>;
  /** Manual runs by their id. */
  manual: Map<string, Traces>;
  /** Workflows with an unknown form of id. */
  unknown: WorkflowRecord[];
}

const OCCURRENCE = /^scheduler-job-([0-9a-f-]{36})-(\d{4}-\d\d-\d\dT.*Z)$/;
const MANUAL = /^scheduler-run-([0-9a-f-]{36})$/;

/** Indexes a log. A call belongs to a manual run if the API, Temporal or the service says so. */
export function indexLog(log: FaultLog): IndexedLog {
  const operationsOf = new Map<string, OperationRecord[]>();
  const occurrencesOf = new Map<string, Map<number, Traces>>();
  const manual = new Map<string, Traces>();
  const unknown: WorkflowRecord[] = [];

  const occurrence = (job: string, scheduledAt: number) =>
    tracesOf(
      getOrPut(occurrencesOf, job, () => new Map<number, Traces>()),
      scheduledAt,
    );

  for (const operation of log.operations) {
    if (operation.jobId !== null) getOrPut(operationsOf, operation.jobId, () => []).push(operation);
    if (operation.runId !== null) tracesOf(manual, operation.runId);
  }
  for (const workflow of log.workflows) {
    const [, job, nominal] = OCCURRENCE.exec(workflow.workflowId) ?? [];
    const [, run] = MANUAL.exec(workflow.workflowId) ?? [];
    if (job !== undefined && nominal !== undefined)
      occurrence(job, Date.parse(nominal)).workflows.push(workflow);
    else if (run !== undefined) tracesOf(manual, run).workflows.push(workflow);
    else unknown.push(workflow);
  }
  for (const run of log.runs) {
    if (run.trigger === 'manual') tracesOf(manual, run.id).runs.push(run);
    else occurrence(run.job, run.scheduledAt).runs.push(run);
  }
  for (const call of [...log.calls].sort((a, b) => a.at - b.at)) {
    (manual.get(call.run) ?? occurrence(call.job, call.scheduledAt)).calls.push(call);
  }
  return { operationsOf, occurrencesOf, manual, unknown };
}

function tracesOf<Key>(map: Map<Key, Traces>, key: Key): Traces {
  return getOrPut(map, key, () => ({ calls: [], workflows: [], runs: [] }));
}

/** The value of a key, which is added if it is missing. */
export function getOrPut<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
