import { toText, type Finding } from './findings.ts';
import type { JobHistory } from './history.ts';
import { getOrPut } from './index-log.ts';
import type { FaultRecord, KeyLimits, TargetCall } from './log.ts';
import { freezeBetween, mayBeLost } from './near-faults.ts';

/** Calls that overlap by less are one after another: the target learns of an end a little later. */
const BLUR_MS = 50;

/** The findings about the limits of all keys. */
export interface LimitCheck {
  findings: Finding[];
  /** Calls over a limit near a frozen worker, which no service can prevent. */
  overLimitNearFreeze: number;
}

/** Finds calls beyond the limits of their key, and fencing tokens that do not grow. */
export function checkLimits(
  calls: readonly TargetCall[],
  histories: ReadonlyMap<string, JobHistory>,
  faults: readonly FaultRecord[],
): LimitCheck {
  const byKey = new Map<string, { limits: KeyLimits; calls: TargetCall[] }>();
  for (const call of [...calls].sort((a, b) => a.at - b.at)) {
    const limits = histories.get(call.job)?.traits.limits;
    if (limits && !call.hook) getOrPut(byKey, limits.key, () => ({ limits, calls: [] })).calls.push(call);
  }
  const result: LimitCheck = { findings: [], overLimitNearFreeze: 0 };
  for (const { limits, calls: ofKey } of byKey.values()) {
    const find = (kind: Finding['kind'], call: TargetCall, since: number, detail: string) => {
      // Permits may be lost, too.
      if (mayBeLost(faults, since) || mayBeLost(faults, call.at)) return;
      if (freezeBetween(faults, since, call.at)) result.overLimitNearFreeze++;
      else
        result.findings.push({
          ...{ kind, job: call.job, scheduledAt: toText(call.scheduledAt) },
          detail: `key ${limits.key}: at ${toText(call.at)} ${detail}`,
        });
    };
    checkConcurrency(limits, ofKey, find);
    checkRate(limits, ofKey, find);
    checkTokens(limits, ofKey, find);
  }
  return result;
}

type Find = (kind: Finding['kind'], call: TargetCall, since: number, detail: string) => void;

function checkConcurrency({ maxConcurrent }: KeyLimits, calls: readonly TargetCall[], find: Find): void {
  if (maxConcurrent === undefined) return;
  let open: TargetCall[] = [];
  for (const call of calls) {
    open = open.filter(({ endedAt }) => endedAt === null || endedAt > call.at + BLUR_MS);
    open.push(call);
    if (open.length > maxConcurrent) {
      const since = Math.min(...open.map(({ at }) => at));
      find('overLimit', call, since, `${open.length} calls at once, and ${maxConcurrent} are allowed`);
    }
  }
}

function checkRate({ rate }: KeyLimits, calls: readonly TargetCall[], find: Find): void {
  if (!rate) return;
  calls.forEach((call, index) => {
    const first = calls[index - rate.max];
    if (first && call.at - first.at < rate.perMs)
      find(
        ...(['overLimit', call, first.at] as const),
        `${rate.max + 1} calls within ${call.at - first.at} ms, and ${rate.max} are allowed in ${rate.perMs} ms`,
      );
  });
}

/**
 * Where one call is allowed at once, one that begins after the end of another has a greater token. Where several are, the later
 * of two may end before the earlier begins.
 */
function checkTokens({ maxConcurrent }: KeyLimits, calls: readonly TargetCall[], find: Find): void {
  if (maxConcurrent !== 1) return;
  let open: TargetCall[] = [];
  /** Of the calls that have ended, the one with the greatest token. */
  let greatest: TargetCall | undefined;
  for (const call of calls) {
    for (const ended of open)
      if (isOver(ended, call) && (ended.token ?? 0) > (greatest?.token ?? 0)) greatest = ended;
    open = open.filter((other) => !isOver(other, call));
    open.push(call);
    if (!greatest || call.token === undefined || call.token > (greatest.token ?? 0)) continue;
    find('token', call, greatest.at, `a call with the token ${call.token}, after one with ${greatest.token}`);
  }
}

const isOver = ({ endedAt }: TargetCall, call: TargetCall) => endedAt !== null && endedAt <= call.at;
