import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import type { Deck } from './deck.ts';
import type { FaultContext, FaultOutcome } from './fault.ts';
import { FAULTS } from './fault-kinds.ts';
import type { FaultRecord } from './log.ts';
import { awaitRecovery } from './recovery.ts';

/** When no further fault is injected. */
export interface FaultBounds {
  faults: number;
  /** Milliseconds since the epoch. */
  until: number;
}

/** Injects faults one after another, sometimes two at once, and waits after each until the service has recovered. */
export async function injectFaults(
  context: FaultContext,
  deck: Deck,
  bounds: FaultBounds,
  onFault: (fault: FaultRecord) => void,
): Promise<FaultRecord[]> {
  const { random, cluster } = context;
  const faults: FaultRecord[] = [];
  while (faults.length < bounds.faults && Date.now() < bounds.until) {
    await sleep(random.integer(200, 1_500));
    const kinds = deck.draw(bounds.faults - faults.length);
    const injected = await Promise.all(
      kinds.map((kind, index) => inject(context, kind, faults.length + index + 1)),
    );
    const checkedFrom = Math.max(...injected.map(({ fault }) => fault.endedAt));
    const areMended = async () => {
      const answers = await Promise.all(injected.map(({ isMended }) => isMended()));
      return answers.every(Boolean);
    };
    const recovery = await awaitRecovery(cluster, checkedFrom, areMended);
    for (const { fault } of injected) {
      Object.assign(fault, { checkedFrom, recovery });
      faults.push(fault);
      onFault(fault);
    }
  }
  return faults;
}

/** Undoes what a fault may have left behind that broke off in the middle. */
async function putRight({ apis, workers, toTarget, toDb, postgres, temporal }: Cluster): Promise<void> {
  const members = [...apis, ...workers];
  for (const proxy of [
    ...members.flatMap((member) => [member.toPostgres, member.toTemporal]),
    toTarget,
    toDb,
  ])
    proxy.restore();
  await Promise.all([postgres.restart(), temporal.restart()]);
}

async function inject(
  context: FaultContext,
  kind: string,
  number: number,
): Promise<{ fault: FaultRecord; isMended: () => Promise<boolean> }> {
  const begun = Date.now();
  const outcome: FaultOutcome = await (FAULTS[kind] as (typeof FAULTS)[string])
    .fault(context)
    .catch(async (error: unknown) => {
      // A fault that could not be injected, on a busy machine, must not end a run of hours.
      await putRight(context.cluster);
      return { detail: `could not be injected: ${String(error)}`, reached: false };
    });
  const endedAt = outcome.endedAt ?? Date.now();
  const fault: FaultRecord = {
    ...{ number, kind, detail: outcome.detail, startedAt: outcome.startedAt ?? begun, endedAt },
    ...{ checkedFrom: endedAt, reached: outcome.reached ?? true },
    ...(outcome.effect && { effect: outcome.effect }),
    recovery: { readyAt: null, onTimeAt: null, syncedAt: null },
  };
  return { fault, isMended: outcome.isMended ?? (async () => true) };
}
