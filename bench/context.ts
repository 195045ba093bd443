import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningPostgres } from '../local/postgres.ts';
import type { RunningTemporal } from '../local/temporal-server.ts';
import type { Plan } from './plan.ts';
import type { ReceiverProcess } from './receiver-process.ts';

/** What every scenario works with. */
export interface BenchContext {
  plan: Plan;
  /** Where data and logs go. */
  folder: string;
  /** Of Temporal's command line tool. */
  binary: string;
  postgres: RunningPostgres;
  /** The tuned one. */
  temporal: RunningTemporal;
  receiver: ReceiverProcess;
  say: (text: string) => void;
  /** Aborted when the bench is to end at once. */
  signal: AbortSignal;
  /** What is to be stopped in the end, the last one first. */
  stops: (() => Promise<unknown>)[];
}

/** Clients that make jobs at once. */
export const CLIENTS = 16;

const SAY_EVERY_MS = 5_000;

/** Waits. @throws AbortError when the bench is to end */
export const pause = ({ signal }: Pick<BenchContext, 'signal'>, ms: number) =>
  sleep(Math.max(0, ms), undefined, { signal });

/**
 * Asks again and again until so many have come, or no more have come for `patienceMs`; says from time to time how many
 * they are.
 */
export async function awaitCount(
  context: Pick<BenchContext, 'say' | 'signal'>,
  what: string,
  wanted: number,
  count: () => Promise<number>,
  patienceMs: number,
): Promise<void> {
  let reached = 0;
  let risenAt = Date.now();
  let said = Date.now();
  while (Date.now() - risenAt < patienceMs) {
    const now = await count();
    if (now >= wanted) return;
    if (now > reached) risenAt = Date.now();
    reached = now;
    if (Date.now() - said > SAY_EVERY_MS) {
      said = Date.now();
      context.say(`  ${what}: ${reached} of ${wanted}`);
    }
    await pause(context, 250);
  }
}

/** Does some work, and stops in the end what was started for it. */
export async function withOwnStops({ stops }: Pick<BenchContext, 'stops'>, work: () => Promise<void>) {
  const first = stops.length;
  try {
    await work();
  } finally {
    for (const stop of stops.splice(first).reverse()) await stop();
  }
}
