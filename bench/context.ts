import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningPostgres } from '../local/postgres.ts';
import type { RunningTemporal } from '../local/temporal-server.ts';
import type { Plan } from './plan.ts';
import type { ReceiverProcess } from './receiver-process.ts';

/** The context of all scenarios. */
export interface BenchContext {
  plan: Plan;
  /** The folder for data and logs. */
  folder: string;
  /** The path of Temporal's command line tool. */
  binary: string;
  postgres: RunningPostgres;
  /** The tuned server. */
  temporal: RunningTemporal;
  receiver: ReceiverProcess;
  say: (text: string) => void;
  /** Is aborted to stop the bench. */
  signal: AbortSignal;
  /** The functions that stop what was started. They are called in reverse order. */
  stops: (() => Promise<unknown>)[];
}

/** The number of clients that create jobs in parallel. */
export const CLIENTS = 16;

const SAY_EVERY_MS = 5_000;

/** Waits. @throws AbortError when the bench is stopped */
export const pause = ({ signal }: Pick<BenchContext, 'signal'>, ms: number) =>
  sleep(Math.max(0, ms), undefined, { signal });

/**
 * Polls until `count` calls have come, or none has come for `patienceMs`. Reports the progress from time to time.
 * Returns the number of calls.
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

/** Runs `work`, and stops everything that it has started. */
export async function withOwnStops({ stops }: Pick<BenchContext, 'stops'>, work: () => Promise<void>) {
  const first = stops.length;
  try {
    await work();
  } finally {
    for (const stop of stops.splice(first).reverse()) await stop();
  }
}
