import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type Client,
  type WorkflowExecutionDescription,
} from '@temporalio/client';
import { forgetObserved } from '../../db/jobs/sync-state.ts';
import { findJobOrTombstone } from '../../db/jobs/jobs.ts';
import { materializeSoon, countRunsSoFar } from '../../db/runs/occurrence-log.ts';
import {
  bringForward,
  deferCheck,
  findNeighbours,
  isEarliestUnstarted,
  listRunsToCheck,
  noteStartedByReconciler,
  type Neighbours,
} from '../../db/runs/open-runs.ts';
import { CANCELLED, endRun, endUnstarted, setReason } from '../../db/runs/run-progress.ts';
import type { JobRow, RunRow } from '../../db/schema.ts';
import { isHook } from '../../domain/run/hook-trigger.ts';
import { reasonCodeOf, reasonFor } from '../../domain/run/reasons.ts';
import { DAY_MS, SECOND_MS } from '../../domain/milliseconds.ts';
import { concurrently } from '../../platform/concurrently.ts';
import { ServerAwayError } from '../../platform/circuit-breaker.ts';
import { startBackfill } from './backfill.ts';
import { cancelWorkflow } from './cancel-run.ts';
import { decideOccurrence } from '../occurrences/decide-occurrence.ts';
import { isUsedUp } from '../occurrences/due-within-max-runs.ts';
import { jitterOf } from '../occurrences/occurrence-log.ts';
import { fieldsOfRun } from './run-fields.ts';
import { findEnd, timedOut } from './recovered-end.ts';
import { startRun } from './start-run.ts';
import { findSchedule, type SyncDependencies } from '../schedules/sync.ts';
import { findWaitForWorker } from './waiting-for-worker.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';
import { isUnreachable } from '../temporal/temporal-errors.ts';

// The sweeper of open runs: asks Temporal about every run that has not ended by our records, so that each ends in the
// right state, whoever died, and so that what is due and was not started is started, or said to be skipped or missed.

/** Of one call of `rescueOpenRuns`. */
export const RUNS_AT_ONCE = 200;
const CONCURRENCY = 8;
/** A run that goes on is asked after again when it is twice as old, within these bounds. */
const SOONEST_MS = 15 * SECOND_MS;
const LATEST_MS = 120 * SECOND_MS;
/** What has to wait is asked after again when it has waited twice as long, within these bounds. */
const WAIT_MS = 5 * SECOND_MS;
const LONGEST_WAIT_MS = 30 * SECOND_MS;
/** Whoever's turn is next, once the run that is under way has ended, is asked after this often. */
const NEXT_CHECK_MS = 1 * SECOND_MS;
/** The worker has this long to record how a run ended, once Temporal knows. */
const RECORD_GRACE_MS = 5 * SECOND_MS;
/** So long after its deadline a run is taken to have no worker that would end it. */
const OVERDUE_MS = 5 * SECOND_MS;
/** Temporal forgets closed workflows after its retention; a run that began before is not begun again. */
const FORGOTTEN_AFTER_MS = DAY_MS;

/** Looks after the open runs that it is time for, one batch of them. Returns how many runs that were. */
export async function rescueOpenRuns(dependencies: SyncDependencies, now: Date): Promise<number> {
  const runs = await listRunsToCheck(dependencies.db, now, RUNS_AT_ONCE);
  // The runs of one job one after another, as they were due: what becomes of one decides on the next.
  const byJob = new Map<string, RunRow[]>();
  for (const run of runs) byJob.set(run.job_id, [...(byJob.get(run.job_id) ?? []), run]);
  await concurrently(byJob.entries(), CONCURRENCY, async ([jobId, ofJob]) => {
    const job = await findJobOrTombstone(dependencies.db, jobId);
    if (!job) return;
    ofJob.sort((a, b) => a.scheduled_at.getTime() - b.scheduled_at.getTime());
    for (const run of ofJob) {
      try {
        await rescueRun(dependencies, job, run, now);
      } catch (error) {
        // One run that can not be judged must not keep the others from it, not even by taking too long.
        if (error instanceof ServerAwayError) throw error;
        dependencies.logger.error({ err: error, ...fieldsOfRun(run) }, 'could not look after a run');
        const waitMs = isUnreachable(error) ? WAIT_MS : LATEST_MS;
        await deferCheck(dependencies.db, run.id, new Date(now.getTime() + waitMs));
      }
    }
  });
  return runs.length;
}

async function rescueRun(dependencies: SyncDependencies, job: JobRow, run: RunRow, now: Date): Promise<void> {
  const { db, temporal, breaker } = dependencies;
  const later = (ms: number) => new Date(now.getTime() + ms);
  const found = await breaker.attempt(() => describeWorkflow(temporal, run));
  if (!found) return resolveUnknown(dependencies, job, run, now);
  const { closeTime: closedAt } = found;
  const isUnwanted = run.cancel_requested_at !== null;
  if (!closedAt && isUnwanted) {
    await breaker.attempt(() => cancelWorkflow(temporal, run));
    return deferCheck(db, run.id, later(WAIT_MS), found.runId);
  }
  const overdueMs = now.getTime() - (run.deadline?.getTime() ?? Infinity);
  if (!closedAt && overdueMs > OVERDUE_MS) {
    await endRun(db, run.id, timedOut(job, run), run.deadline ?? now);
    await breaker.attempt(() => cancelWorkflow(temporal, run));
    return;
  }
  if (!closedAt) {
    const ageMs = now.getTime() - (run.started_at ?? run.scheduled_at).getTime();
    const byAge = Math.min(Math.max(ageMs, SOONEST_MS), LATEST_MS);
    const waitMs = Math.max(NEXT_CHECK_MS, Math.min(byAge, OVERDUE_MS - overdueMs));
    await noteWaitForWorker(dependencies, job, run, found, now);
    return deferCheck(db, run.id, later(waitMs), found.runId);
  }
  // One that was cancelled between two attempts has no worker that would record it.
  if (!isUnwanted && now.getTime() - closedAt.getTime() < RECORD_GRACE_MS)
    return deferCheck(db, run.id, later(WAIT_MS));
  const end = await findEnd(temporal, found, job, run);
  const endedAt = (end.state === 'timedOut' && run.deadline) || closedAt;
  await endRun(db, run.id, isUnwanted && end.state === 'failed' ? CANCELLED : end, endedAt);
}

/** Has a run say so that waits for a worker of its author's. */
async function noteWaitForWorker(
  { db, temporal, breaker, logger }: SyncDependencies,
  job: JobRow,
  run: RunRow,
  found: WorkflowExecutionDescription,
  now: Date,
): Promise<void> {
  const { target } = job;
  if (target.type === 'http' || run.state !== 'running' || isHook(run.trigger)) return;
  const wait = await breaker.attempt(() => findWaitForWorker(temporal, found, target, now));
  // A run that waits for a permit keeps saying so.
  if (wait === null && reasonCodeOf({ ...run, reasonCode: run.reason_code }) !== 'waitsForWorker') return;
  if (wait !== null) logger.warn({ ...fieldsOfRun(run), taskQueue: target.taskQueue }, wait.reason);
  await setReason(db, run.id, wait);
}

/** Undefined: Temporal knows no such workflow. */
async function describeWorkflow(
  temporal: Client,
  run: Pick<RunRow, 'workflow_id' | 'temporal_run_id'>,
): Promise<WorkflowExecutionDescription | undefined> {
  const handle = temporal.workflow.getHandle(run.workflow_id, run.temporal_run_id ?? undefined);
  try {
    return await withinDeadline(temporal, () => handle.describe());
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** A run of which Temporal knows nothing: not started yet, or lost with Temporal's data. */
async function resolveUnknown(
  dependencies: SyncDependencies,
  job: JobRow,
  run: RunRow,
  now: Date,
): Promise<void> {
  const { db, breaker, logger } = dependencies;
  if (run.cancel_requested_at !== null) return endRun(db, run.id, CANCELLED, now);
  // Also one that waits for its turn was started before.
  if (run.state === 'running' || (run.trigger === 'schedule' && run.temporal_run_id !== null)) {
    const ageMs = now.getTime() - (run.started_at ?? run.created_at).getTime();
    if (ageMs > FORGOTTEN_AFTER_MS)
      return endRun(db, run.id, { state: 'failed', ...reasonFor('forgottenByTemporal') }, now);
    if (run.deadline && run.deadline <= now) return endRun(db, run.id, timedOut(job, run), run.deadline);
    logger.warn(fieldsOfRun(run), 'Temporal has lost a run; starting it again');
    return start(dependencies, job, run, now);
  }
  if (run.trigger !== 'schedule') {
    if (job.deleted_at) return endRun(db, run.id, { state: 'skipped', ...reasonFor('jobDeleted') }, now);
    const { backfill_id: backfillId } = run;
    if (backfillId === null) return start(dependencies, job, run, now);
    const backfill = await dependencies.breaker.attempt(() => startBackfill(dependencies, job, backfillId));
    if (backfill === 'underWay') return deferCheck(db, run.id, new Date(now.getTime() + LATEST_MS));
    if (backfill === 'over') return start(dependencies, job, run, now);
    return endRun(db, run.id, { state: 'cancelled', ...reasonFor('backfillCancelled') }, now);
  }

  const decision = decideOccurrence(await gatherFacts(dependencies, job, run, now));
  if (decision.kind === 'wait') {
    const waitedMs = now.getTime() - run.created_at.getTime();
    const byAge = Math.min(Math.max(waitedMs, WAIT_MS), LONGEST_WAIT_MS);
    const isNext = decision.for === 'run' && (await isEarliestUnstarted(db, run));
    return deferCheck(db, run.id, new Date(now.getTime() + (isNext ? NEXT_CHECK_MS : byAge)));
  }
  if (decision.isOverdue) {
    logger.warn(fieldsOfRun(run), 'a schedule did not start what was due; writing it anew');
    await forgetObserved(db, job.id, now, { rewrite: true });
  }
  if (decision.kind === 'start') return start(dependencies, job, run, now);
  // Between the question and the answer Temporal may have started it after all.
  if (await breaker.attempt(() => describeWorkflow(dependencies.temporal, run)))
    return deferCheck(db, run.id, new Date(now.getTime() + WAIT_MS));
  await endUnstarted(db, run.id, decision, now);
  if (job.schedule.maxRuns === undefined || job.state !== 'active') return;
  // One that was due after it may take its place, and had to wait for this.
  await materializeSoon(db, job.id, now);
  // The schedule was written when this one still counted, and is to start another in its place.
  const wasCounted = run.scheduled_at <= (job.schedule_put_at ?? now);
  if (wasCounted) await forgetObserved(db, job.id, now, { rewrite: true });
}

const NOBODY: Neighbours = { earlier: [], hasLater: false, hasOpen: false };

async function gatherFacts({ db, temporal }: SyncDependencies, job: JobRow, run: RunRow, now: Date) {
  const { maxRuns } = job.schedule;
  // With allowAll the others do not matter, and in a burst there are many to ask after.
  const neighbours = job.policy.overlap === 'allowAll' ? NOBODY : await findNeighbours(db, run);
  const isBuffering = job.policy.overlap === 'bufferOne' || job.policy.overlap === 'bufferAll';
  const due = run.scheduled_at.getTime();
  return {
    scheduledAt: due,
    now: now.getTime(),
    overlap: job.policy.overlap,
    catchupWindowMs: job.catchup_seconds * SECOND_MS,
    jitterMs: jitterOf(job),
    schedulePutAt: job.schedule_put_at?.getTime(),
    job: job.deleted_at ? ('deleted' as const) : job.state,
    wasOverlapped: await wasOverlapped(temporal, neighbours, due),
    wasWaitedFor: neighbours.earlier.some(({ started_at }) => (started_at?.getTime() ?? 0) > due),
    hasLater: neighbours.hasLater,
    hasOpen: neighbours.hasOpen,
    isUsedUp: maxRuns !== undefined && isUsedUp(await countRunsSoFar(db, job.id, run.id), maxRuns),
    buffered: isBuffering ? Number((await findSchedule(temporal, job.id))?.raw.info?.bufferSize ?? 0) : 0,
  };
}

/** Between our record of a run's end and the end of its workflow, which is what Temporal goes by. */
const CLOSING_MS = 10 * SECOND_MS;

async function wasOverlapped(temporal: Client, { earlier }: Neighbours, due: number): Promise<boolean> {
  for (const run of earlier) {
    const endedAt = run.ended_at?.getTime() ?? Infinity;
    if (endedAt >= due) return true;
    if (endedAt < due - CLOSING_MS) continue;
    const closedAt = (await describeWorkflow(temporal, run))?.closeTime?.getTime() ?? 0;
    if (closedAt >= due) return true;
  }
  return false;
}

async function start(dependencies: SyncDependencies, job: JobRow, run: RunRow, now: Date): Promise<void> {
  const { db, breaker, logger } = dependencies;
  const checkAt = new Date(now.getTime() + SOONEST_MS);
  try {
    // Noted first: from the moment it runs, others must be able to see that the schedule knows nothing of it.
    if (run.trigger === 'schedule') await noteStartedByReconciler(db, run.id);
    const temporalRunId = await breaker.attempt(() => startRun(dependencies, job, run));
    await deferCheck(db, run.id, checkAt, temporalRunId);
    await bringForward(db, run.job_id, new Date(now.getTime() + NEXT_CHECK_MS));
    // The schedule did not count this one.
    if (run.trigger === 'schedule' && job.schedule.maxRuns !== undefined)
      await forgetObserved(db, job.id, now, { rewrite: true });
    logger.info({ ...fieldsOfRun(run), scheduledAt: run.scheduled_at }, 'started a run that was due');
  } catch (error) {
    // Temporal was quicker, or did it long ago.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    await deferCheck(db, run.id, checkAt);
  }
}
