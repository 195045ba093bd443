import { checkBackfills } from './check-backfills.ts';
import { checkCalls } from './check-calls.ts';
import { checkDrift } from './check-drift.ts';
import { checkEnd, checkRecovery, recoveryMs } from './check-end.ts';
import { checkHooks } from './check-hooks.ts';
import { checkLimits } from './check-limits.ts';
import { checkManual } from './check-manual.ts';
import { checkOccurrences } from './check-occurrences.ts';
import { countFindings, FAILURES, type Finding, type FindingKind } from './findings.ts';
import { checkPauses } from './check-pauses.ts';
import { checkRuns } from './check-runs.ts';
import { historyOf, type JobHistory } from './history.ts';
import { getOrPut, indexLog, type Traces } from './index-log.ts';
import type { FaultLog, FaultRecord, TargetCall } from './log.ts';
import { RECOVERY_MS } from './near-faults.ts';

/** Median and maximum, in milliseconds. */
export interface Spread {
  count: number;
  median: number;
  p99: number;
  max: number;
}

/** The result of checking a log. */
export interface Report {
  passed: boolean;
  findings: Finding[];
  counts: Record<FindingKind, number>;
  figures: {
    seed: number;
    minutes: number;
    jobs: number;
    operations: number;
    apiCalls: number;
    /** API calls without an answer, or with a temporary error. */
    apiCallsRepeated: number;
    expectedOccurrences: number;
    calledOccurrences: number;
    excusedOccurrences: number;
    /** More than 30 s after their nominal time, regardless of faults. */
    calledAfter30Seconds: number;
    expectedManualRuns: number;
    calledManualRuns: number;
    /** Runs with at least one call, including those that were not certainly expected. */
    runsCalled: number;
    targetCalls: number;
    callsPerSecond: number;
    /** Of one attempt. */
    repeatedCalls: number;
    /** Calls of hooks. */
    hookCalls: number;
    /** Calls of a run during another one, and calls over a limit, near a frozen worker. */
    concurrentNearFreeze: number;
    overLimitNearFreeze: number;
    workflows: number;
    faults: number;
    pointsNotReached: number;
    unexpectedExits: number;
  };
  /** From nominal time to first call, of expected occurrences. */
  lateness: Spread;
  /** By kind of fault. */
  recovery: Record<string, Spread>;
}

/**
 * Checks a log like Jepsen's checker for Chronos: derives the expected runs from the requests of the clients, and compares
 * them with the calls and workflows that the target and Temporal saw. Pure.
 */
export function check(observed: FaultLog): Report {
  const faults = [...observed.faults].sort((a, b) => a.startedAt - b.startedAt);
  const log = { ...observed, calls: asCallersSaw(observed.calls, faults) };
  const index = indexLog(log);
  const histories = new Map<string, JobHistory>();
  for (const [job, operations] of index.operationsOf)
    histories.set(job, historyOf(job, operations, faults, log.horizon));

  const findings: Finding[] = [];
  let [expected, called, excused] = [0, 0, 0];
  const latenesses: number[] = [];
  for (const [job, history] of histories) {
    const traces = index.occurrencesOf.get(job) ?? new Map<number, Traces>();
    const result = checkOccurrences(history, traces, faults, log.horizon);
    findings.push(...result.findings, ...checkPauses(history, traces, faults, log.horizon));
    latenesses.push(...result.latenesses);
    expected += result.expected;
    called += result.called;
    excused += result.excused;
  }
  for (const [job, occurrences] of index.occurrencesOf) {
    if (histories.has(job)) continue;
    // A creation without an answer: the job may exist, since an unknown time.
    if (log.jobs.some(({ id, name }) => id === job && isUnknownCreation(log, name))) continue;
    const detail = `${occurrences.size} occurrences of a job that nobody created`;
    findings.push({ kind: 'phantom', job, scheduledAt: null, detail });
  }
  for (const { workflowId } of index.unknown)
    findings.push({ kind: 'phantom', job: null, scheduledAt: null, detail: `workflow ${workflowId}` });

  const manual = checkManual(index, histories, log.operations, faults);
  const calls = checkCalls(index.callsOf, histories, faults);
  const limits = checkLimits(log.calls, histories, faults);
  findings.push(
    ...manual.findings,
    ...calls.findings,
    ...limits.findings,
    ...checkRuns(index, histories, log.operations, faults),
    ...checkBackfills(index, histories, log.operations, faults),
    ...checkHooks(index, histories, log.operations, faults),
    ...checkDrift(log.jobs, histories),
    ...checkEnd(log, histories),
    ...checkRecovery(faults),
  );

  const counts = countFindings(findings);
  const apiCalls = log.operations.reduce((sum, operation) => sum + operation.calls.length, 0);
  return {
    passed: FAILURES.every((kind) => counts[kind] === 0),
    findings,
    counts,
    figures: {
      seed: log.seed,
      minutes: Math.round((log.horizon - log.startedAt) / 6_000) / 10,
      jobs: histories.size,
      operations: log.operations.length,
      apiCalls,
      apiCallsRepeated: apiCalls - log.operations.length,
      expectedOccurrences: expected,
      calledOccurrences: called,
      excusedOccurrences: excused,
      calledAfter30Seconds: latenesses.filter((ms) => ms > RECOVERY_MS).length,
      expectedManualRuns: manual.expected,
      calledManualRuns: manual.called,
      runsCalled: new Set(log.calls.map(({ run }) => run)).size,
      targetCalls: log.calls.length,
      callsPerSecond: Math.round((log.calls.length / (log.horizon - log.startedAt)) * 10_000) / 10,
      repeatedCalls: calls.repeated,
      hookCalls: log.calls.filter(({ hook }) => hook).length,
      concurrentNearFreeze: calls.concurrentNearFreeze,
      overLimitNearFreeze: limits.overLimitNearFreeze,
      workflows: log.workflows.length,
      faults: faults.length,
      pointsNotReached: faults.filter(({ reached }) => !reached).length,
      unexpectedExits: log.exits.length,
    },
    lateness: spreadOf(latenesses),
    recovery: recoveryByKind(faults),
  };
}

/** The calls, each ended when its caller lost the connection, although the target went on. */
const asCallersSaw = (calls: readonly TargetCall[], faults: readonly FaultRecord[]): TargetCall[] => {
  const lostAt = faults.filter(({ effect }) => effect?.endsCalls === true).map(({ startedAt }) => startedAt);
  return calls.map((call) => {
    const at = lostAt.find((time) => call.at <= time && time < (call.endedAt ?? Infinity));
    return at === undefined ? call : { ...call, endedAt: at, status: null };
  });
};

const isUnknownCreation = ({ operations }: FaultLog, name: string) =>
  operations.some(({ kind, jobName, jobId }) => kind === 'create' && jobName === name && jobId === null);

function recoveryByKind(faults: readonly FaultRecord[]): Record<string, Spread> {
  const byKind = new Map<string, number[]>();
  for (const fault of faults)
    getOrPut(byKind, fault.kind, () => []).push(recoveryMs(fault) ?? Number.POSITIVE_INFINITY);
  return Object.fromEntries([...byKind].sort().map(([kind, took]) => [kind, spreadOf(took)]));
}

function spreadOf(values: number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { count: sorted.length, median: at(0.5), p99: at(0.99), max: at(1) };
}
