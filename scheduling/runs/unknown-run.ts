import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import { compareSoon } from '../../db/jobs/drift.ts';
import { findInForce } from '../../db/jobs/jobs.ts';
import { forgetObserved } from '../../db/jobs/sync-state.ts';
import { countRunsSoFar, materializeSoon } from '../../db/runs/occurrence-log.ts';
import {
  bringForward,
  deferCheck,
  findNeighbours,
  isEarliestUnstarted,
  noteStartedByReconciler,
  type Neighbours,
} from '../../db/runs/open-runs.ts';
import { CANCELLED, endRun, endUnstarted } from '../../db/runs/run-progress.ts';
import type { JobRow, RunRow } from '../../db/schema.ts';
import { durationMs } from '../../domain/duration.ts';
import { DAY_MS, SECOND_MS } from '../../domain/milliseconds.ts';
import { reasonFor } from '../../domain/run/reasons.ts';
import { skipAt } from '../../domain/schedule/skips.ts';
import { ServerAwayError } from '../../platform/circuit-breaker.ts';
import { decideOccurrence, type DueOccurrence } from '../occurrences/decide-occurrence.ts';
import { isUsedUp } from '../occurrences/due-within-max-runs.ts';
import { jitterOf } from '../occurrences/due-occurrences.ts';
import { findSchedule, type SyncDependencies } from '../schedules/sync.ts';
import { startBackfill } from './backfill.ts';
import { LATEST_CHECK_MS, LONGEST_WAIT_MS, NEXT_CHECK_MS, SOONEST_CHECK_MS, WAIT_MS } from './check-times.ts';
import { timedOut } from './recovered-end.ts';
import { runLogFields } from './run-fields.ts';
import { describeWorkflow } from './run-workflow.ts';
import { startRun } from './start-run.ts';

/** Temporal forgets closed workflows after its retention: a run that began before this time is not started again. */
const FORGOTTEN_AFTER_MS = DAY_MS;
/**
 * The longest time from our record of a run's end to the end of its workflow, by which Temporal decides on
 * overlaps.
 */
const CLOSING_MS = 10 * SECOND_MS;

/**
 * Rescues an open run for which Temporal has no workflow: it was not started yet, or Temporal has lost it. The run is
 * started, ended, or checked again later.
 */
export async function rescueUnknownRun(
  dependencies: SyncDependencies,
  job: JobRow,
  run: RunRow,
  now: Date,
): Promise<void> {
  const { db } = dependencies;
  if (run.cancel_requested_at !== null) return endRun(db, run.id, CANCELLED, now);
  // A queued run that waits for a permit was started before, too.
  const wasStarted = run.state === 'running' || (run.trigger === 'schedule' && run.temporal_run_id !== null);
  if (wasStarted) return rescueLostRun(dependencies, job, run, now);
  if (run.trigger === 'schedule') return rescueOccurrence(dependencies, job, run, now);
  return rescueRequestedRun(dependencies, job, run, now);
}

/** Starts again a run that Temporal has lost with its data, unless it may have ended and been forgotten. */
async function rescueLostRun(
  dependencies: SyncDependencies,
  job: JobRow,
  run: RunRow,
  now: Date,
): Promise<void> {
  const { db, logger } = dependencies;
  const ageMs = now.getTime() - (run.started_at ?? run.created_at).getTime();
  if (ageMs > FORGOTTEN_AFTER_MS)
    return endRun(db, run.id, { state: 'failed', ...reasonFor('forgottenByTemporal') }, now);
  if (run.deadline && run.deadline <= now) return endRun(db, run.id, timedOut(job, run), run.deadline);
  logger.warn(runLogFields(run), 'Temporal has lost a run; starting it again');
  return start(dependencies, job, run, now);
}

/** Starts a run that a request asked for, or the backfill to which it belongs. */
async function rescueRequestedRun(
  dependencies: SyncDependencies,
  job: JobRow,
  run: RunRow,
  now: Date,
): Promise<void> {
  const { db, breaker } = dependencies;
  if (job.deleted_at) return endRun(db, run.id, { state: 'skipped', ...reasonFor('jobDeleted') }, now);
  const { backfill_id: backfillId } = run;
  if (backfillId === null) return start(dependencies, job, run, now);
  const backfill = await breaker.attempt(() => startBackfill(dependencies, job, backfillId));
  if (backfill === 'inProgress') return deferCheck(db, run.id, new Date(now.getTime() + LATEST_CHECK_MS));
  if (backfill === 'over') return start(dependencies, job, run, now);
  return endRun(db, run.id, { state: 'cancelled', ...reasonFor('backfillCancelled') }, now);
}

/**
 * Decides on an occurrence that Temporal has not started: starts it, lets it wait, or records it as skipped
 * or missed.
 */
async function rescueOccurrence(
  dependencies: SyncDependencies,
  job: JobRow,
  run: RunRow,
  now: Date,
): Promise<void> {
  const { db, temporal, breaker, logger } = dependencies;
  const decision = decideOccurrence(await gatherFacts(dependencies, job, run, now));
  if (decision.kind === 'wait') {
    const waitedMs = now.getTime() - run.created_at.getTime();
    const byAgeMs = Math.min(Math.max(waitedMs, WAIT_MS), LONGEST_WAIT_MS);
    const isNext = decision.for === 'run' && (await isEarliestUnstarted(db, run));
    return deferCheck(db, run.id, new Date(now.getTime() + (isNext ? NEXT_CHECK_MS : byAgeMs)));
  }
  if (decision.isOverdue) {
    logger.warn(runLogFields(run), 'a schedule did not start a due occurrence; writing the schedule again');
    await forgetObserved(db, job.id, now, { rewrite: true });
  }
  if (decision.kind === 'start') return start(dependencies, job, run, now);
  // Temporal may have started it after it was described.
  if (await breaker.attempt(() => describeWorkflow(temporal, run)))
    return deferCheck(db, run.id, new Date(now.getTime() + WAIT_MS));
  await endUnstarted(db, run.id, decision, now);
  if (job.schedule.maxRuns === undefined || job.state !== 'active') return;
  // A later occurrence that had to wait for this decision may take its place.
  await materializeSoon(db, job.id, now);
  // If the schedule was written when this occurrence still counted, it has to start another one in its place.
  const wasCounted = run.scheduled_at <= (job.schedule_put_at ?? now);
  if (wasCounted) await forgetObserved(db, job.id, now, { rewrite: true });
}

const NO_NEIGHBOURS: Neighbours = { earlier: [], hasLater: false, hasOpen: false };

async function gatherFacts(
  dependencies: SyncDependencies,
  job: JobRow,
  run: RunRow,
  now: Date,
): Promise<DueOccurrence> {
  const { db, temporal } = dependencies;
  const { schedule, policy } = await findInForce(db, job, run.scheduled_at);
  const { maxRuns } = schedule;
  const { overlap, catchupWindow } = policy;
  // With allowAll the others do not matter, and in a burst there are many of them.
  const neighbours = overlap === 'allowAll' ? NO_NEIGHBOURS : await findNeighbours(db, run);
  const isBuffering = overlap === 'bufferOne' || overlap === 'bufferAll';
  const dueAt = run.scheduled_at.getTime();
  return {
    scheduledAt: dueAt,
    now: now.getTime(),
    overlap,
    catchupWindowMs: durationMs(catchupWindow),
    jitterMs: jitterOf({ schedule }),
    schedulePutAt: job.schedule_put_at?.getTime(),
    job: job.deleted_at ? 'deleted' : job.state,
    skip: skipAt(job.schedule, dueAt),
    wasOverlapped: await wasOverlapped(temporal, neighbours, dueAt),
    wasWaitedFor: neighbours.earlier.some(({ started_at }) => (started_at?.getTime() ?? 0) > dueAt),
    hasLater: neighbours.hasLater,
    hasOpen: neighbours.hasOpen,
    isUsedUp: maxRuns !== undefined && isUsedUp(await countRunsSoFar(db, job.id, run.id), maxRuns),
    buffered: isBuffering ? await countBuffered(dependencies, job) : 0,
  };
}

/**
 * How many starts the Temporal Schedule of a job has buffered. None, if the schedule cannot be described: that must not
 * keep the run from being decided on, and a start that is buffered all the same has the same workflow id.
 */
async function countBuffered(
  { db, temporal, breaker, logger }: SyncDependencies,
  job: JobRow,
): Promise<number> {
  try {
    const found = await breaker.attempt(() => findSchedule(temporal, job.id));
    return Number(found?.info?.bufferSize?.toString() ?? 0);
  } catch (error) {
    if (error instanceof ServerAwayError) throw error;
    logger.warn({ err: error, jobId: job.id }, 'could not describe a schedule');
    await compareSoon(db, [job.id], new Date());
    return 0;
  }
}

/** Tells whether an earlier run was in progress at an instant, by the end of its workflow. */
async function wasOverlapped(temporal: Client, { earlier }: Neighbours, dueAt: number): Promise<boolean> {
  for (const run of earlier) {
    const endedAt = run.ended_at?.getTime() ?? Infinity;
    if (endedAt >= dueAt) return true;
    if (endedAt < dueAt - CLOSING_MS) continue;
    const closedAt = (await describeWorkflow(temporal, run))?.closeTime?.getTime() ?? 0;
    if (closedAt >= dueAt) return true;
  }
  return false;
}

/** Starts the workflow of a run. Does nothing if Temporal has started it meanwhile. */
async function start(dependencies: SyncDependencies, job: JobRow, run: RunRow, now: Date): Promise<void> {
  const { db, breaker, logger } = dependencies;
  const checkAt = new Date(now.getTime() + SOONEST_CHECK_MS);
  try {
    // Noted before it runs: as soon as it does, other runs have to see that the schedule does not know of it.
    if (run.trigger === 'schedule') await noteStartedByReconciler(db, run.id);
    const temporalRunId = await breaker.attempt(() => startRun(dependencies, job, run));
    await deferCheck(db, run.id, checkAt, temporalRunId);
    await bringForward(db, run.job_id, new Date(now.getTime() + NEXT_CHECK_MS));
    // The schedule did not count this run.
    if (run.trigger === 'schedule' && job.schedule.maxRuns !== undefined)
      await forgetObserved(db, job.id, now, { rewrite: true });
    logger.info({ ...runLogFields(run), scheduledAt: run.scheduled_at }, 'started a run that was due');
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    await deferCheck(db, run.id, checkAt);
  }
}
