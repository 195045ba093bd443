import { toText, type Finding } from './findings.ts';
import type { JobHistory } from './history.ts';
import type { FaultRecord, TargetCall } from './log.ts';
import { faultBetween, freezeBetween, ON_TIME_MS } from './near-faults.ts';

/** Calls whose times overlap by less than this are one after another: the target learns of an end a little later. */
const BLUR_MS = 50;

/** The findings about the calls of all runs. */
export interface CallCheck {
  findings: Finding[];
  /** Calls beyond the first of their attempt. */
  repeated: number;
  /** Calls of a run during another one, near a frozen worker. */
  concurrentNearFreeze: number;
}

/**
 * Finds attempts whose call was repeated without a fault, attempts that follow one that did not fail, or follow too soon,
 * calls of one run at once, and keys that do not belong to their run.
 */
export function checkCalls(
  callsOf: ReadonlyMap<string, TargetCall[]>,
  histories: ReadonlyMap<string, JobHistory>,
  faults: readonly FaultRecord[],
): CallCheck {
  const result: CallCheck = { findings: [], repeated: 0, concurrentNearFreeze: 0 };
  for (const [run, ofRun] of callsOf) {
    const find = (kind: Finding['kind'], call: TargetCall, detail: string) =>
      result.findings.push({
        kind,
        job: call.job,
        scheduledAt: toText(call.scheduledAt),
        detail: `run ${run}: ${detail}`,
      });
    let latest: TargetCall | undefined;
    for (const call of ofRun) {
      if (call.key !== ofRun[0]?.key) find('duplicate', call, `its calls carry different keys`);
      if (call.scheduledAt !== ofRun[0]?.scheduledAt)
        find('duplicate', call, `it ran for ${toText(ofRun[0]?.scheduledAt ?? 0)} as well`);
      const before = latest;
      latest = call;
      if (!before) continue;
      const again = `called at ${toText(before.at)} and again at ${toText(call.at)}`;
      if (call.attempt === before.attempt) result.repeated++;
      const isNext = call.attempt === before.attempt + 1 && (before.status ?? 0) >= 400;
      if (!isNext && !faultBetween(faults, before.at - ON_TIME_MS, call.at))
        find('repeated', call, `${again}, attempts ${before.attempt} and ${call.attempt}, without a fault`);
      const waited = call.at - (before.endedAt ?? call.at);
      const isHttp = histories.get(call.job)?.traits.target !== 'activity';
      if (isNext && isHttp && waited < (before.retryAfter ?? 0) * 1_000)
        find('repeated', call, `${again}, ${waited} ms after a Retry-After of ${before.retryAfter} s`);
      if ((before.endedAt ?? Infinity) <= call.at + BLUR_MS) continue;
      if (freezeBetween(faults, before.at, call.at)) result.concurrentNearFreeze++;
      else find('concurrent', call, `${again}, before the first call ended`);
    }
  }
  return result;
}
