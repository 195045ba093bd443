import { mayBeTampered } from './near-faults.ts';
import type { FaultLog, OperationRecord, RunRecord, TargetCall, WorkflowRecord } from './log.ts';

/** The traces of one occurrence or one other run. */
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
  /** Runs that a client asked for, by their id: manual ones and retries. */
  requested: Map<string, Traces>;
  /** Runs of backfills, by their id. */
  backfilled: Map<string, Traces>;
  /** Runs that call a hook, by their id. */
  hooks: Map<string, Traces>;
  /** In the order of their arrival. */
  callsOf: Map<string, TargetCall[]>;
  /** Workflows with an unknown form of id. */
  unknown: WorkflowRecord[];
}

const OCCURRENCE = /^scheduler-job-([0-9a-f-]{36})-(\d{4}-\d\d-\d\dT.*Z)$/;
const OTHER_RUN = /^scheduler-run-([0-9a-f-]{36})$/;

/** Indexes a log. A call belongs to a run that was asked for if the API, Temporal or the service says so. */
export function indexLog(log: FaultLog): IndexedLog {
  const index: IndexedLog = {
    operationsOf: new Map(),
    occurrencesOf: new Map(),
    requested: new Map(),
    backfilled: new Map(),
    hooks: new Map(),
    callsOf: new Map(),
    unknown: [],
  };
  const occurrence = (job: string, scheduledAt: number) =>
    tracesOf(
      getOrPut(index.occurrencesOf, job, () => new Map<number, Traces>()),
      scheduledAt,
    );

  for (const operation of log.operations) {
    const { jobId, runId, kind } = operation;
    if (jobId !== null) getOrPut(index.operationsOf, jobId, () => []).push(operation);
    if (runId !== null && (kind === 'run' || kind === 'retry')) tracesOf(index.requested, runId);
  }
  for (const run of log.runs) {
    const others = othersWith(index, run.trigger);
    (others ? tracesOf(others, run.id) : occurrence(run.job, run.scheduledAt)).runs.push(run);
  }
  const otherRun = (id: string) =>
    [index.backfilled, index.hooks, index.requested].find((runs) => runs.has(id))?.get(id);
  const records = new Map(log.runs.map((run) => [run.id, run]));
  /** The occurrence of a run whose workflow was started again, because somebody had changed its Temporal Schedule. */
  const startedAgain = (run: string) => {
    const { trigger, job = '', scheduledAt = 0 } = records.get(run) ?? {};
    const isOne = trigger === 'schedule' && mayBeTampered(log.faults, job, scheduledAt);
    return isOne ? occurrence(job, scheduledAt) : undefined;
  };
  for (const workflow of log.workflows) {
    const [, job, nominal] = OCCURRENCE.exec(workflow.workflowId) ?? [];
    const [, run] = OTHER_RUN.exec(workflow.workflowId) ?? [];
    if (job !== undefined && nominal !== undefined)
      occurrence(job, Date.parse(nominal)).workflows.push(workflow);
    else if (run !== undefined)
      (otherRun(run) ?? startedAgain(run) ?? tracesOf(index.requested, run)).workflows.push(workflow);
    else index.unknown.push(workflow);
  }
  for (const call of [...log.calls].sort((a, b) => a.at - b.at)) {
    getOrPut(index.callsOf, call.run, () => []).push(call);
    const traces =
      otherRun(call.run) ??
      (call.hook ? tracesOf(index.hooks, call.run) : occurrence(call.job, call.scheduledAt));
    traces.calls.push(call);
  }
  return index;
}

function othersWith(
  { requested, backfilled, hooks }: IndexedLog,
  trigger: string,
): Map<string, Traces> | undefined {
  switch (trigger) {
    case 'manual':
    case 'retry':
      return requested;
    case 'backfill':
      return backfilled;
    case 'onFailure':
    case 'onRecovery':
      return hooks;
    default:
      return undefined;
  }
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
