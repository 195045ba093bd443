import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.ts';
import { findSilence, releaseLease, takeLease } from '../db/upkeep/reconciler-lease.ts';
import { SECOND_MS } from '../domain/milliseconds.ts';
import type { Logger } from '../platform/logger.ts';
import { judgeDueJobs } from '../scheduling/reconciler/judge-lateness.ts';
import { makeLateCalls, type CallWithoutTemporal } from '../scheduling/reconciler/make-late-calls.ts';
import { materializeDue } from '../scheduling/occurrences/occurrence-log.ts';

const CHECK_EVERY_MS = 5 * SECOND_MS;
/** If no pass of the reconciler has ended for this long, no worker lives. */
const MAX_SILENCE_MS = 30 * SECOND_MS;
/** Longer than a round: calls of hooks take 9 s at most, and nothing renews the lease. */
const LEASE_MS = 30 * SECOND_MS;
const ROUND_MS = 10 * SECOND_MS;
const JOBS = 200;

interface JudgeDependencies {
  db: Database;
  logger: Logger;
  callWithoutTemporal: CallWithoutTemporal;
}

/**
 * Finds jobs that are late, and calls their hooks, as long as no worker does: then this process takes the lease of the
 * reconciler, and does that part of its passes which needs nothing but Postgres.
 */
export function startJudgeTimer(dependencies: JudgeDependencies) {
  const { db, logger } = dependencies;
  const abort = new AbortController();
  const running = (async () => {
    while (!abort.signal.aborted) {
      await sleep(CHECK_EVERY_MS, undefined, { signal: abort.signal }).catch(() => undefined);
      if (abort.signal.aborted) return;
      try {
        if ((await findSilence(db)) < MAX_SILENCE_MS) continue;
        await judgeUnderLease(dependencies, abort.signal);
      } catch (error) {
        logger.warn({ err: error }, 'could not judge lateness in place of the reconciler');
      }
    }
  })();
  return {
    /** Resolves when the current round has ended. */
    stop: () => {
      abort.abort();
      return running;
    },
  };
}

async function judgeUnderLease(dependencies: JudgeDependencies, signal: AbortSignal): Promise<void> {
  const { db } = dependencies;
  const holder = randomUUID();
  if (!(await takeLease(db, holder, LEASE_MS))) return;
  const end = performance.now() + ROUND_MS;
  const isOver = () => signal.aborted || performance.now() > end;
  try {
    const round = { now: new Date(), isOver };
    // What is not materialized cannot be late.
    await materializeDue(dependencies, round, JOBS);
    await judgeDueJobs(dependencies, round, JOBS);
    await makeLateCalls(dependencies, round);
  } finally {
    await releaseLease(db, holder);
  }
}
