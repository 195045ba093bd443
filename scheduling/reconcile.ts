import { listFinished, listPausesOver } from '../db/job-upkeep.ts';
import { noteReconciled, releaseLease, takeLease } from '../db/reconciler.ts';
import { removeOldKeys, removeOldRuns, removeOldTombstones } from '../db/retention.ts';
import { claimUnsynced, listOutdatedSpecs, releaseUnsynced } from '../db/sync-state.ts';
import { DAY_MS, SECOND_MS } from '../domain/milliseconds.ts';
import { concurrently } from '../platform/concurrently.ts';
import { accountForDue } from './ledger.ts';
import { checkOpenRuns } from './open-runs.ts';
import { specVersionAt } from './spec-version.ts';
import { recordSuppressed } from './suppressed.ts';
import { sweepSchedules } from './sweep-schedules.ts';
import { syncJob, type SyncDependencies } from './sync.ts';
import { isUnreachable } from './temporal-errors.ts';
import { writeJob } from './write-job.ts';

/** What reconciling takes. */
export interface ReconcileDependencies extends SyncDependencies {
  /** Names this process, for the lease. */
  holder: string;
  runRetentionMs: number;
  sweepIntervalMs: number;
}

/** How many of each were taken care of in a pass; what is not named did not occur. */
export type PassResult = Record<string, number>;

/** A pass is given up after this time, so that the next one begins with what is most urgent. */
const PASS_MS = 20 * SECOND_MS;
/** Who holds the lease and dies keeps the others waiting for this long. */
const LEASE_MS = 10 * SECOND_MS;
const RENEW_MS = 3 * SECOND_MS;
const BATCH = 100;
const CONCURRENCY = 8;
/** Nobody else takes on what a pass has taken on, for this long. */
const CLAIM_MS = 15 * SECOND_MS;
const REMOVED_AT_ONCE = 1_000;
/** How long an idempotency key is kept. */
const KEY_RETENTION_MS = DAY_MS;

/**
 * One pass over all that is left to do: ends pauses that are over, completes jobs, brings to Temporal what has not
 * arrived there, accounts for what was due, looks after open runs, removes what is old; and from time to time compares
 * all schedules with all jobs. One process at a time does it: undefined if another one holds the lease.
 */
export async function reconcile(dependencies: ReconcileDependencies): Promise<PassResult | undefined> {
  const { db, holder, logger } = dependencies;
  const lease = () => takeLease(db, holder, new Date(), new Date(Date.now() + LEASE_MS));
  const state = await lease();
  if (!state) return undefined;
  const renewal = setInterval(() => {
    lease().catch((error: unknown) => logger.warn({ err: error }, 'could not renew the lease'));
  }, RENEW_MS);
  try {
    const result = await pass(dependencies, state.sweptAt);
    await noteReconciled(db, { passed_at: new Date() });
    return result;
  } finally {
    clearInterval(renewal);
    await releaseLease(db, holder, new Date());
  }
}

async function pass(dependencies: ReconcileDependencies, sweptAt: Date): Promise<PassResult> {
  const { db, logger, runRetentionMs, sweepIntervalMs } = dependencies;
  const result: PassResult = {};
  const deadline = Date.now() + PASS_MS;
  const ago = (ms: number) => new Date(Date.now() - ms);

  /** Repeats a step as long as it finds a full batch; one that fails does not keep the others from being done. */
  const step = async (name: string, fullBatch: number, work: (now: Date) => Promise<number>) => {
    try {
      let count: number;
      do {
        count = await work(new Date());
        if (count > 0) result[name] = (result[name] ?? 0) + count;
      } while (count >= fullBatch && Date.now() < deadline);
    } catch (error) {
      // Temporal being away is said once, by whoever finds out; it is no fault of the step.
      if (isUnreachable(error)) logger.debug({ err: error, step: name }, 'Temporal can not be reached');
      else logger.error({ err: error, step: name }, 'a step of the reconciler failed');
      result['failed'] = (result['failed'] ?? 0) + 1;
    }
  };

  await step('resumed', BATCH, (now) => endPauses(dependencies, now));
  await step('synced', BATCH, (now) => syncUnsynced(dependencies, now));
  await step('accounted', Infinity, (now) => accountForDue(db, now));
  await step('runsChecked', Infinity, (now) => checkOpenRuns(dependencies, now));
  await step('completed', BATCH, (now) => completeFinished(dependencies, now));
  await step('renewed', BATCH, (now) => renewSpecs(dependencies, now));
  if (Date.now() - sweptAt.getTime() > sweepIntervalMs) {
    await step('swept', Infinity, async (now) => {
      const swept = await sweepSchedules(dependencies, now);
      await noteReconciled(db, { swept_at: now });
      logger.info(swept, 'compared all schedules with all jobs');
      return swept.orphans + swept.outdated + swept.lost;
    });
    await step('suppressed', Infinity, (now) => recordSuppressed(db, now));
    await step('runsRemoved', REMOVED_AT_ONCE, () => removeOldRuns(db, ago(runRetentionMs), REMOVED_AT_ONCE));
    await step('jobsRemoved', REMOVED_AT_ONCE, () =>
      removeOldTombstones(db, ago(runRetentionMs), REMOVED_AT_ONCE),
    );
    await step('keysRemoved', REMOVED_AT_ONCE, () =>
      removeOldKeys(db, ago(KEY_RETENTION_MS), REMOVED_AT_ONCE),
    );
  }
  return result;
}

async function endPauses(dependencies: ReconcileDependencies, now: Date): Promise<number> {
  const { db } = dependencies;
  const jobs = await listPausesOver(db, now, BATCH);
  for (const { id } of jobs) {
    await writeJob(db, { id }, { by: 'pause.until', now }, (job) =>
      job.state === 'paused' && job.paused_until !== null && job.paused_until <= now
        ? { action: 'resumed', state: 'active' }
        : undefined,
    );
    await syncJob(dependencies, id);
  }
  return jobs.length;
}

async function completeFinished(dependencies: ReconcileDependencies, now: Date): Promise<number> {
  const { db } = dependencies;
  const jobs = await listFinished(db, now, BATCH);
  for (const { id, policy } of jobs) {
    await writeJob(db, { id }, { by: 'policy.onCompletion', now }, (job) => {
      if (job.state !== 'active') return undefined;
      return policy.onCompletion === 'delete'
        ? { action: 'deleted', isDeleted: true }
        : { action: 'completed', state: 'completed' };
    });
    await syncJob(dependencies, id);
  }
  return jobs.length;
}

async function syncUnsynced(dependencies: ReconcileDependencies, now: Date): Promise<number> {
  const { db } = dependencies;
  const until = new Date(now.getTime() + CLAIM_MS);
  const jobs = await claimUnsynced(db, now, until, BATCH);
  const left = new Set(jobs.map(({ id }) => id));
  let isAway = false;
  await concurrently([...left], CONCURRENCY, async (id) => {
    if (isAway) return;
    if ((await syncJob(dependencies, id)) === 'reached') left.delete(id);
    else isAway = true;
  });
  await releaseUnsynced(db, [...left], now);
  return jobs.length - left.size;
}

async function renewSpecs(dependencies: ReconcileDependencies, now: Date): Promise<number> {
  const jobs = await listOutdatedSpecs(dependencies.db, specVersionAt(now.getTime()), BATCH);
  let reached = 0;
  await concurrently(jobs, CONCURRENCY, async ({ id }) => {
    if ((await syncJob(dependencies, id)) === 'reached') reached++;
  });
  return reached;
}
