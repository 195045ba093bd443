import { areWaiting } from '../../db/runs/open-runs.ts';
import { listFinished, listUsedUp, type FinishedJob } from '../../db/upkeep/job-upkeep.ts';
import { MINUTE_MS } from '../../domain/milliseconds.ts';
import { storeJobChange } from '../jobs/store-job.ts';
import { recordBeforeLast } from '../occurrences/occurrence-log.ts';
import { syncJob } from '../schedules/sync.ts';
import { forEachJob } from './each-job.ts';
import type { ReconcileDependencies } from './reconcile-dependencies.ts';
import type { Round } from './run-steps.ts';

/**
 * While this many occurrences wait for a worker, completing jobs is postponed: occurrences that are due come
 * first.
 */
const MANY_WAITING = 20;
/** Completing a job is postponed by this time at most. */
const POSTPONE_MS = MINUTE_MS;

/** Completes jobs whose schedule has had its last occurrence, one batch of them. Returns how many jobs it began. */
export async function completeFinished(
  dependencies: ReconcileDependencies,
  round: Round,
  limit: number,
): Promise<number> {
  const { db } = dependencies;
  const { now } = round;
  const isBusy = await areWaiting(db, MANY_WAITING);
  const dueBy = isBusy ? new Date(now.getTime() - POSTPONE_MS) : now;
  return complete(dependencies, await listFinished(db, dueBy, now, limit), round);
}

/**
 * Completes jobs whose `maxRuns` are used up and of which a run ended after `since`, one batch of them.
 * Returns how many jobs it began.
 */
export async function completeUsedUp(
  dependencies: ReconcileDependencies,
  round: Round,
  since: Date,
  limit: number,
): Promise<number> {
  return complete(dependencies, await listUsedUp(dependencies.db, since, round.now, limit), round);
}

async function complete(
  dependencies: ReconcileDependencies,
  jobs: FinishedJob[],
  { now, isOver }: Round,
): Promise<number> {
  const { db, secrets, taskQueue } = dependencies;
  const byId = new Map(jobs.map((job) => [job.id, job]));
  return forEachJob(dependencies, 'completed', byId.keys(), isOver, async (id) => {
    // Occurrences that were skipped between its runs are recorded first; a later call completes the job.
    if (await recordBeforeLast(db, id, now)) return;
    await storeJobChange(db, { id }, { by: 'policy.onCompletion', now, secrets, taskQueue }, (job) => {
      const finished = byId.get(id);
      // A change that came in between may have given the job more to do.
      if (job.state !== 'active' || job.generation !== finished?.generation) return undefined;
      return finished.policy.onCompletion === 'delete'
        ? { action: 'deleted', isDeleted: true }
        : { action: 'completed', state: 'completed' };
    });
    await syncJob(dependencies, id);
  });
}
