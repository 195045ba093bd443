import { toText, type Finding } from './findings.ts';
import { getOrPut } from './index-log.ts';
import type { FaultRecord, TargetCall } from './log.ts';
import { faultBetween, ON_TIME_MS } from './near-faults.ts';

/** The findings about calls of all runs. */
export interface CallCheck {
  findings: Finding[];
  /** Calls beyond the first of their run. */
  repeated: number;
}

/** Finds runs whose call was repeated without a fault, and keys that do not belong to their run. */
export function checkCalls(calls: readonly TargetCall[], faults: readonly FaultRecord[]): CallCheck {
  const byRun = new Map<string, TargetCall[]>();
  for (const call of [...calls].sort((a, b) => a.at - b.at)) getOrPut(byRun, call.run, () => []).push(call);
  const result: CallCheck = { findings: [], repeated: 0 };
  for (const [run, ofRun] of byRun) {
    const find = (kind: Finding['kind'], call: TargetCall, detail: string) =>
      result.findings.push({
        kind,
        job: call.job,
        scheduledAt: toText(call.scheduledAt),
        detail: `run ${run}: ${detail}`,
      });
    ofRun.forEach((call, index) => {
      if (call.key !== ofRun[0]?.key) find('duplicate', call, `its calls carry different keys`);
      if (call.scheduledAt !== ofRun[0]?.scheduledAt)
        find('duplicate', call, `it ran for ${toText(ofRun[0]?.scheduledAt ?? 0)} as well`);
      const before = ofRun[index - 1];
      if (!before) return;
      result.repeated++;
      if (!faultBetween(faults, before.at - ON_TIME_MS, call.at))
        find(
          'repeated',
          call,
          `called at ${toText(before.at)} and again at ${toText(call.at)}, without a fault`,
        );
    });
  }
  return result;
}
