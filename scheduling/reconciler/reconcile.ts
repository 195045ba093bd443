import { randomUUID } from 'node:crypto';
import { removeOldDeferrals } from '../../db/upkeep/deferrals.ts';
import { removeSecretsOfDeleted } from '../../db/jobs/job-secrets.ts';
import { listFinished, listPausesOver, listUsedUp, type FinishedJob } from '../../db/upkeep/job-upkeep.ts';
import { areWaiting } from '../../db/runs/open-runs.ts';
import { materializePaused } from '../../db/runs/pause-runs.ts';
import { removeOldPermits } from '../../db/runs/permits.ts';
import {
  noteReconciled,
  releaseLease,
  takeLease,
  type ReconcilerState,
} from '../../db/upkeep/reconciler-lease.ts';
import { removeOldKeys, removeOldRuns, removeOldTombstones } from '../../db/upkeep/retention.ts';
import { placeEvents, removeOldRunEvents } from '../../db/runs/run-events.ts';
import { claimUnsynced, listOutdatedSpecs, releaseUnsynced } from '../../db/jobs/sync-state.ts';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../domain/milliseconds.ts';
import { concurrently } from '../../platform/concurrently.ts';
import type { SecretBox } from '../../platform/secret-box.ts';
import { forEachJob } from './each-job.ts';
import { resealSecrets } from '../jobs/job-secrets.ts';
import { materializeDue, JOBS_AT_ONCE, recordBeforeLast } from '../occurrences/occurrence-log.ts';
import { NOTES_AT_ONCE, renewNextRuns } from '../occurrences/next-runs.ts';
import { rescueOpenRuns, RUNS_AT_ONCE } from '../runs/rescue.ts';
import type { ObservePass } from './pass-metrics.ts';
import { resumption } from '../jobs/resumption.ts';
import { specVersionAt } from '../schedules/spec-version.ts';
import { recordSuppressed } from '../occurrences/suppressed.ts';
import { repairDrift } from '../schedules/drift.ts';
import { syncApart } from '../schedules/sync-apart.ts';
import { syncJob, type SyncDependencies } from '../schedules/sync.ts';
import { isUnreachable } from '../temporal/temporal-errors.ts';
import { repairPermits } from '../runs/permits.ts';
import { writeJob } from '../jobs/write-job.ts';

/** What reconciling takes. */
export interface ReconcileDependencies extends SyncDependencies {
  secrets: SecretBox;
  runRetentionMs: number;
  sweepIntervalMs: number;
  observePass: ObservePass;
}

/** How many of each were taken care of in a pass; what is not named did not occur. */
export type PassResult = Record<string, number>;

/** After this time no step goes on with further batches, so that the next pass begins with what is most urgent. */
const PASS_MS = 20 * SECOND_MS;
/** No step takes longer, and each does a batch in every pass: so none waits for ever for those before it. */
const STEP_MS = 10 * SECOND_MS;
/** A sweep that failed, or whose process died, is tried again after this time, or after its interval if that is shorter. */
const SWEEP_AGAIN_MS = MINUTE_MS;
/** Who holds the lease and dies keeps the others waiting for this long. */
const LEASE_MS = 10 * SECOND_MS;
const RENEW_MS = 3 * SECOND_MS;
const BATCH = 100;
const CONCURRENCY = 8;
/** Nobody else takes on what a pass has taken on, for this long. */
const CLAIM_MS = 15 * SECOND_MS;
/** A run may be recorded so long after it ended. */
const LATE_RECORD_MS = MINUTE_MS;
/** As long as so many occurrences wait to begin, jobs that are done are completed later: what is due comes first. */
const MANY_WAITING = 20;
/** But not later than this. */
const PUT_OFF_MS = MINUTE_MS;
const REMOVED_AT_ONCE = 1_000;
/** Events that are put in order in one statement, whether or not anybody follows runs. */
const EVENTS_AT_ONCE = 5_000;
/** How long an idempotency key is kept. */
const KEY_RETENTION_MS = DAY_MS;
/** And for how long a client that follows runs may be away and miss nothing. */
const RUN_EVENT_RETENTION_MS = DAY_MS;

/**
 * One pass over all that is left to do: ends pauses that are over, completes jobs, brings to Temporal what has not
 * arrived there, accounts for what was due, looks after turns and open runs, removes what is old; and from time to time compares
 * all schedules with all jobs. One process at a time does it: undefined if another one holds the lease.
 */
export async function reconcile(dependencies: ReconcileDependencies): Promise<PassResult | undefined> {
  const { db, logger } = dependencies;
  const holder = randomUUID();
  const lease = () => takeLease(db, holder, new Date(), new Date(Date.now() + LEASE_MS));
  const state = await lease();
  if (!state) return undefined;
  let isLost = false;
  const renewal = setInterval(() => {
    lease().then(
      (renewed) => (isLost ||= renewed === undefined),
      (error: unknown) => logger.warn({ err: error }, 'could not renew the lease'),
    );
  }, RENEW_MS);
  try {
    const began = performance.now();
    const result = await pass(dependencies, state, () => isLost);
    dependencies.observePass(result, performance.now() - began);
    await noteReconciled(db, { passed_at: new Date() });
    return result;
  } finally {
    clearInterval(renewal);
    await releaseLease(db, holder, new Date());
  }
}

async function pass(
  dependencies: ReconcileDependencies,
  { passedAt, sweptAt }: ReconcilerState,
  isLost: () => boolean,
): Promise<PassResult> {
  const { db, logger, secrets, runRetentionMs, sweepIntervalMs } = dependencies;
  const result: PassResult = {};
  const deadline = Date.now() + PASS_MS;
  const ago = (ms: number) => new Date(Date.now() - ms);

  /** Repeats a step as long as it finds a full batch; one that fails does not keep the others from being done. */
  const step = async (
    name: string,
    fullBatch: number,
    work: (now: Date, isOver: () => boolean) => Promise<number>,
  ) => {
    const end = Date.now() + STEP_MS;
    const isOver = () => Date.now() >= end || isLost();
    try {
      let count = Infinity;
      for (let first = true; count >= fullBatch && !isOver(); first = false) {
        if (!first && Date.now() >= deadline) return;
        count = await work(new Date(), isOver);
        if (count > 0) result[name] = (result[name] ?? 0) + count;
      }
    } catch (error) {
      // Temporal being away is said once, by whoever finds out; it is no fault of the step.
      if (isUnreachable(error)) logger.debug({ err: error, step: name }, 'Temporal can not be reached');
      else logger.error({ err: error, step: name }, 'a step of the reconciler failed');
      result['failed'] = (result['failed'] ?? 0) + 1;
    }
  };

  await step('resumed', BATCH, (now, isOver) => endPauses(dependencies, now, isOver));
  await step('synced', BATCH, (now) => syncUnsynced(dependencies, now));
  await step('accounted', JOBS_AT_ONCE, (now) => materializeDue(dependencies, now));
  await step('turnsMended', Infinity, () => repairPermits(dependencies));
  await step('permitsRemoved', REMOVED_AT_ONCE, () => removeOldPermits(db, REMOVED_AT_ONCE));
  await step('runEventsPlaced', EVENTS_AT_ONCE, () => placeEvents(db, EVENTS_AT_ONCE));
  await step('runsChecked', RUNS_AT_ONCE, (now) => rescueOpenRuns(dependencies, now));
  const usedUpSince = new Date(passedAt.getTime() - LATE_RECORD_MS);
  await step('completed', BATCH, async (now, isOver) => {
    const dueBy = (await areWaiting(db, MANY_WAITING)) ? ago(PUT_OFF_MS) : now;
    return complete(dependencies, await listFinished(db, dueBy, now, BATCH), now, isOver);
  });
  await step('completed', BATCH, async (now, isOver) =>
    complete(dependencies, await listUsedUp(db, usedUpSince, now, BATCH), now, isOver),
  );
  await step('nextRunsNoted', NOTES_AT_ONCE, (now) => renewNextRuns(dependencies, now));
  await step('renewed', BATCH, (now) => renewSpecs(dependencies, now));
  if (Date.now() - sweptAt.getTime() > sweepIntervalMs) {
    await step('completed', BATCH, async (now, isOver) =>
      complete(dependencies, await listUsedUp(db, new Date(0), now, BATCH), now, isOver),
    );
    await step('swept', Infinity, async (now) => {
      // Noted first: whatever becomes of it, not every pass is to begin it anew.
      const againMs = Math.max(0, sweepIntervalMs - SWEEP_AGAIN_MS);
      await noteReconciled(db, { swept_at: new Date(now.getTime() - againMs) });
      const swept = await repairDrift(dependencies, now);
      await noteReconciled(db, { swept_at: now });
      logger.info(swept, 'compared all schedules with all jobs');
      return swept.orphans + swept.outdated + swept.lost;
    });
    await step('suppressed', Infinity, (now) => recordSuppressed(db, now));
    await step('pausesTakenUp', Infinity, (now) => materializePaused(db, now));
    await step('secretsResealed', Infinity, () => resealSecrets(db, secrets, logger));
    await step('secretsRemoved', REMOVED_AT_ONCE, () => removeSecretsOfDeleted(db, REMOVED_AT_ONCE));
    await step('runsRemoved', REMOVED_AT_ONCE, () => removeOldRuns(db, ago(runRetentionMs), REMOVED_AT_ONCE));
    await step('runEventsRemoved', REMOVED_AT_ONCE, () =>
      removeOldRunEvents(db, ago(RUN_EVENT_RETENTION_MS), REMOVED_AT_ONCE),
    );
    await step('jobsRemoved', REMOVED_AT_ONCE, () =>
      removeOldTombstones(db, ago(runRetentionMs), REMOVED_AT_ONCE),
    );
    await step('deferralsRemoved', Infinity, () => removeOldDeferrals(db, ago(DAY_MS)));
    await step('keysRemoved', REMOVED_AT_ONCE, () =>
      removeOldKeys(db, ago(KEY_RETENTION_MS), REMOVED_AT_ONCE),
    );
  }
  return result;
}

async function endPauses(
  dependencies: ReconcileDependencies,
  now: Date,
  isOver: () => boolean,
): Promise<number> {
  const { db, secrets, taskQueue } = dependencies;
  const jobs = await listPausesOver(db, now, BATCH);
  const ids = jobs.map(({ id }) => id);
  return forEachJob(dependencies, 'resumed', ids, isOver, async (id) => {
    await writeJob(db, { id }, { by: 'pause.until', now, secrets, taskQueue }, (job) => {
      if (job.state !== 'paused' || job.paused_until === null || job.paused_until > now) return undefined;
      return resumption(job, now);
    });
    await syncJob(dependencies, id);
  });
}

async function complete(
  dependencies: ReconcileDependencies,
  jobs: FinishedJob[],
  now: Date,
  isOver: () => boolean,
): Promise<number> {
  const { db, secrets, taskQueue } = dependencies;
  const byId = new Map(jobs.map((job) => [job.id, job]));
  return forEachJob(dependencies, 'completed', [...byId.keys()], isOver, async (id) => {
    // What was skipped between its runs is settled first; then it is found again.
    if (await recordBeforeLast(db, id, now)) return;
    await writeJob(db, { id }, { by: 'policy.onCompletion', now, secrets, taskQueue }, (job) => {
      const finished = byId.get(id);
      // Whoever changed it in this moment may have given it more to do.
      if (job.state !== 'active' || job.generation !== finished?.generation) return undefined;
      return finished.policy.onCompletion === 'delete'
        ? { action: 'deleted', isDeleted: true }
        : { action: 'completed', state: 'completed' };
    });
    await syncJob(dependencies, id);
  });
}

async function syncUnsynced(dependencies: ReconcileDependencies, now: Date): Promise<number> {
  const { db } = dependencies;
  const until = new Date(now.getTime() + CLAIM_MS);
  const jobs = await claimUnsynced(db, now, until, BATCH);
  const left = new Set(jobs.map(({ id }) => id));
  let isAway = false;
  await concurrently([...left], CONCURRENCY, async (id) => {
    if (isAway) return;
    if ((await syncApart(dependencies, id)).isReached) left.delete(id);
    else isAway = true;
  });
  await releaseUnsynced(db, [...left], now);
  return jobs.length - left.size;
}

async function renewSpecs(dependencies: ReconcileDependencies, now: Date): Promise<number> {
  const jobs = await listOutdatedSpecs(dependencies.db, specVersionAt(now.getTime()), now, BATCH);
  let reached = 0;
  await concurrently(jobs, CONCURRENCY, async ({ id }) => {
    if ((await syncApart(dependencies, id)).isReached) reached++;
  });
  return reached;
}
