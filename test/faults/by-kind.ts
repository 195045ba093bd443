import { recoveryMs } from './check-end.ts';
import type { Report } from './check.ts';
import type { Finding } from './findings.ts';
import { getOrPut } from './index-log.ts';
import type { FaultLog, FaultRecord, TargetCall } from './log.ts';
import { ON_TIME_MS, RECOVERY_MS } from './near-faults.ts';
import type { KnownTransaction } from './transactions.ts';

/** What happened at the faults of one kind. Can be added up. */
export interface KindCounts {
  faults: number;
  /** Faults that did not happen at the wanted point. */
  notReached: number;
  /** How long each recovery took, in milliseconds; null if it was not seen. */
  recoveries: (number | null)[];
  /** Calls of attempts that were made again beside such a fault. */
  repeatedCalls: number;
  /** Findings that make a run fail, at a recovery or an occurrence beside such a fault. */
  findings: number;
}

/** The report of a run, with its parts that add up over several runs. */
export interface RunReport extends Report {
  kinds: Record<string, KindCounts>;
  transactions: KnownTransaction[];
}

/** Counts by kind of fault. `isFailure` tells which findings make a run fail. */
export function countByKind(
  log: Pick<FaultLog, 'faults' | 'calls'>,
  findings: readonly Finding[],
  isFailure: (finding: Finding) => boolean,
): Record<string, KindCounts> {
  const faults = [...log.faults].sort((a, b) => a.startedAt - b.startedAt);
  const kinds = new Map<string, KindCounts>();
  const countsOf = (kind: string) =>
    getOrPut(kinds, kind, () => ({
      ...{ faults: 0, notReached: 0, recoveries: [], repeatedCalls: 0, findings: 0 },
    }));
  for (const fault of faults) {
    const counts = countsOf(fault.kind);
    counts.faults++;
    if (!fault.reached) counts.notReached++;
    const took = recoveryMs(fault);
    counts.recoveries.push(took ?? null);
    if (took === undefined || took > RECOVERY_MS) counts.findings++;
  }
  for (const at of repeatsIn(log.calls)) {
    const fault = lastBefore(faults, at);
    if (fault) countsOf(fault.kind).repeatedCalls++;
  }
  for (const finding of findings) {
    if (!isFailure(finding) || finding.scheduledAt === null) continue;
    const fault = lastBefore(faults, Date.parse(finding.scheduledAt) + ON_TIME_MS);
    if (fault) countsOf(fault.kind).findings++;
  }
  return Object.fromEntries([...kinds].sort(([a], [b]) => a.localeCompare(b)));
}

/** When calls were made beyond the first of their attempt. */
function repeatsIn(calls: readonly TargetCall[]): number[] {
  const seen = new Set<string>();
  return [...calls]
    .sort((a, b) => a.at - b.at)
    .flatMap(({ run, attempt, at }) => {
      const which = `${run} ${attempt}`;
      if (seen.has(which)) return [at];
      seen.add(which);
      return [];
    });
}

const lastBefore = (faults: readonly FaultRecord[], at: number) =>
  faults.findLast(({ startedAt }) => startedAt <= at);
