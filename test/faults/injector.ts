import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../support/random.ts';
import type { FaultContext } from './fault.ts';
import { FAULTS } from './fault-kinds.ts';
import type { FaultRecord } from './log.ts';
import { awaitRecovery } from './recovery.ts';

const PAIRS = 0.1;

/**
 * Injects faults one after another, sometimes two at once, and waits after each until the service has recovered. The kinds
 * are drawn like cards, so that even a short run has each of them.
 */
export async function injectFaults(
  context: FaultContext,
  count: number,
  onFault: (fault: FaultRecord) => void,
): Promise<FaultRecord[]> {
  const { random, cluster } = context;
  const faults: FaultRecord[] = [];
  let deck: string[] = [];
  const draw = (): string => {
    if (deck.length === 0)
      deck = shuffle(
        Object.entries(FAULTS).flatMap(([kind, { times }]) => Array<string>(times).fill(kind)),
        random,
      );
    return deck.pop() as string;
  };

  while (faults.length < count) {
    await sleep(random.integer(200, 1_500));
    const kinds = [draw()];
    if (faults.length + 1 < count && random.chance(PAIRS)) {
      const second = draw();
      if (shareNothing(kinds[0] as string, second)) kinds.push(second);
      else deck.push(second);
    }
    const injected = await Promise.all(
      kinds.map(async (kind, index): Promise<FaultRecord> => {
        const begun = Date.now();
        const outcome = await (FAULTS[kind] as (typeof FAULTS)[string]).fault(context);
        const endedAt = outcome.endedAt ?? Date.now();
        return {
          number: faults.length + index + 1,
          kind,
          detail: outcome.detail,
          startedAt: outcome.startedAt ?? begun,
          endedAt,
          checkedFrom: endedAt,
          reached: outcome.reached ?? true,
          recovery: { readyAt: null, onTimeAt: null, syncedAt: null },
        };
      }),
    );
    const checkedFrom = Math.max(...injected.map(({ endedAt }) => endedAt));
    const recovery = await awaitRecovery(cluster, checkedFrom);
    for (const fault of injected) {
      Object.assign(fault, { checkedFrom, recovery });
      faults.push(fault);
      onFault(fault);
    }
  }
  return faults;
}

function shareNothing(one: string, other: string): boolean {
  const held = FAULTS[one]?.holds ?? [];
  return !FAULTS[other]?.holds.some((thing) => held.includes(thing));
}

function shuffle<Value>(values: Value[], random: Random): Value[] {
  for (let last = values.length - 1; last > 0; last--) {
    const other = random.integer(0, last);
    [values[last], values[other]] = [values[other] as Value, values[last] as Value];
  }
  return values;
}
