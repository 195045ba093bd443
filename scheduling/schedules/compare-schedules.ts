import { isGrpcCancelledError, isGrpcDeadlineError, type Client } from '@temporalio/client';
import { listComparedNext, listComparedSoon, noteHealed, noteUndrifted } from '../../db/jobs/drift.ts';
import { findJobOrTombstone } from '../../db/jobs/jobs.ts';
import { forgetObserved } from '../../db/jobs/sync-state.ts';
import { countRunsSoFar, type RunsSoFar } from '../../db/runs/occurrence-log.ts';
import type { JobRow } from '../../db/schema.ts';
import { noteRound, type ReconcilerState } from '../../db/upkeep/reconciler-lease.ts';
import { isConnectionLost } from '../../db/unavailable.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../domain/milliseconds.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { iterateOccurrences } from '../../domain/schedule/occurrences.ts';
import { scheduleIdOf } from '../../domain/run/ids.ts';
import { forEachIsolated } from '../../platform/for-each-isolated.ts';
import { describeSchedule, encodeSchedule, type Description } from '../temporal/raw-schedules.ts';
import { isUnreachable } from '../temporal/temporal-errors.ts';
import type { CountDrift, DriftKind } from './drift-metrics.ts';
import {
  compareFields,
  REMAINING_ACTIONS,
  remainingActionsOf,
  toHeldSchedule,
  type HeldFields,
} from './held-schedule.ts';
import { scheduleOptions } from './schedule-options.ts';
import { syncJob, type SyncDependencies } from './sync.ts';

// The comparison of what Temporal holds of each schedule with what was last written, by its hash. Somebody may have
// changed it in the Temporal Web UI, with its CLI or an SDK, and a list shows only a part of it.

export interface CompareDependencies extends SyncDependencies {
  countDrift: CountDrift;
  /** The time from one round of comparisons to the next, and from one sweep to the next. */
  sweepIntervalMs: number;
}

const CONCURRENCY = 8;
const DESCRIBE_MS = 2 * SECOND_MS;
/** After so many repairs in a row, somebody else writes the schedule again and again: each next one waits longer. */
const PATIENT_REPAIRS = 3;
const LONGEST_BACK_OFF_MS = HOUR_MS;

/**
 * Compares schedules with what was last written, and repairs those that differ, at most `limit` of them: first the
 * jobs that are to be compared soon, then the next ones of the round. Returns how many it compared.
 * @throws the error that says that Temporal or the database is away
 */
export async function compareSchedules(
  dependencies: CompareDependencies,
  previous: Pick<ReconcilerState, 'comparedTo' | 'roundAt'>,
  { now, isOver }: { now: Date; isOver: () => boolean },
  limit: number,
): Promise<number> {
  const { db, logger, sweepIntervalMs } = dependencies;
  const undrifted: string[] = [];
  const compareEach = (jobs: JobRow[]) => {
    const onFailure = async ({ id: jobId }: JobRow, error: unknown) => {
      logger.error({ err: error, jobId }, 'could not compare a schedule with what was written');
      // It has its turn again, so that it does not keep the others waiting.
      await noteUndrifted(db, [jobId]);
    };
    const isFatal = (error: unknown) => isConnectionLost(error) || (isUnreachable(error) && !hasHung(error));
    return forEachIsolated(jobs, { concurrency: CONCURRENCY, isOver, isFatal, onFailure }, async (job) => {
      if (await compareSchedule(dependencies, job)) undrifted.push(job.id);
    });
  };
  const soon = await listComparedSoon(db, now, limit);
  let compared = await compareEach(soon);
  const { comparedTo, roundAt } = previous;
  const begins = comparedTo === null;
  const left = limit - soon.length;
  if (left > 0 && !(begins && now.getTime() - roundAt.getTime() < sweepIntervalMs)) {
    const jobs = await listComparedNext(db, comparedTo, left);
    const begun = await compareEach(jobs);
    compared += begun;
    // What there was no time for is compared in the next pass.
    const isEnd = begun === jobs.length && jobs.length < left;
    const to = isEnd ? null : (jobs[begun - 1]?.id ?? comparedTo);
    await noteRound(db, to, begins ? now : roundAt);
  }
  await noteUndrifted(db, undrifted);
  return compared;
}

/** A server may end a call at its deadline as cancelled. */
const hasHung = (error: unknown) => isGrpcDeadlineError(error) || isGrpcCancelledError(error);

/**
 * Describes a schedule, which is a query of its workflow. In a busy server one of thousands hangs, and the next one is
 * answered. That must not look as if Temporal were away, so it does not go through the circuit breaker.
 */
async function describePatiently(temporal: Client, jobId: string): Promise<Description | undefined> {
  const describe = () =>
    temporal.withDeadline(Date.now() + DESCRIBE_MS, () => describeSchedule(temporal, scheduleIdOf(jobId)));
  try {
    return await describe();
  } catch (error) {
    if (!hasHung(error)) throw error;
    return await describe();
  }
}

/** Compares one schedule, and repairs it if it differs. Tells whether it was as it had been written. */
async function compareSchedule(dependencies: CompareDependencies, job: JobRow): Promise<boolean> {
  const { db, temporal, taskQueue } = dependencies;
  const { maxRuns } = job.schedule;
  // Counted before Temporal is asked: what it starts meanwhile must not look as if it had too few left.
  const soFar = maxRuns === undefined ? undefined : await countRunsSoFar(db, job.id);
  const found = await describePatiently(temporal, job.id);
  if (found && isAsWritten(job, found, taskQueue) && hasRightRemaining(job, found, soFar, new Date()))
    return true;
  // A change of the job that came in between writes the schedule anyway.
  const current = await findJobOrTombstone(db, job.id);
  if (current?.schedule_hash !== job.schedule_hash || current.generation !== job.generation) return false;
  if (current.observed_generation !== current.generation) return false;
  await repair(dependencies, current, found);
  return false;
}

/** Tells whether Temporal holds what was last written, on the task queue of this service. Pure. */
function isAsWritten(job: JobRow, { schedule }: Description, taskQueue: string): boolean {
  return (
    toHeldSchedule(schedule).hash === job.schedule_hash &&
    schedule?.action?.startWorkflow?.taskQueue?.name === taskQueue
  );
}

/**
 * Tells whether a schedule may start as many runs as its job has left of `maxRuns`, as far as that can be told: those
 * that Temporal has started without a record yet, and those that it has not started, lie in between. Pure.
 */
function hasRightRemaining(
  job: JobRow,
  found: Description,
  soFar: RunsSoFar | undefined,
  now: Date,
): boolean {
  const remaining = remainingActionsOf(found);
  const { maxRuns } = job.schedule;
  if (maxRuns === undefined || soFar === undefined || remaining === undefined)
    return (maxRuns === undefined) === (remaining === undefined);
  const { counted, unstarted } = soFar;
  if (remaining > Math.max(0, maxRuns - (counted - unstarted))) return false;
  let least = maxRuns - counted;
  for (const instant of iterateOccurrences(compileSchedule(job.schedule), job.accounted_to.getTime())) {
    if (instant > now.getTime() || remaining >= least) break;
    least--;
  }
  return remaining >= least;
}

/** Writes a schedule again, and stores what had been changed. */
async function repair(
  dependencies: CompareDependencies,
  job: JobRow,
  found: Description | undefined,
): Promise<void> {
  const { db, logger, countDrift } = dependencies;
  const now = new Date();
  await forgetObserved(db, job.id, now, found ? { rewrite: true } : { isGone: true });
  const { held, job: synced } = await syncJob(dependencies, job.id);
  if (synced && synced.generation !== job.generation) return;
  const drift = found
    ? compareFields(toHeldSchedule(found.schedule).fields, held ?? (await meantFields(dependencies, job)))
    : [{ field: 'schedule', found: null, restored: null }];
  const lasting = drift.filter(({ field }) => field !== REMAINING_ACTIONS || drift.length === 1);
  // A server of another version shows it in another form, or an older version of this service has written it.
  if (lasting.length === 0 || job.schedule_hash === null) {
    logger.info(
      { jobId: job.id, drift: lasting },
      'wrote a schedule that was not known to be as it should be',
    );
    return noteUndrifted(db, [job.id]);
  }
  logger.warn({ jobId: job.id, drift: lasting }, 'restored a schedule that somebody had changed in Temporal');
  await noteHealed(db, job.id, { drift: lasting, at: now, compareAt: nextComparison(job, now) });
  for (const kind of new Set(lasting.map(kindOf))) countDrift(kind);
}

/**
 * What Temporal is to hold, if it did not answer what it holds after the repair. The reconciler goes on until it does,
 * and knows nothing of what was found.
 */
async function meantFields(
  { db, temporal, taskQueue }: CompareDependencies,
  job: JobRow,
): Promise<HeldFields> {
  const { counted } = await countRunsSoFar(db, job.id);
  const writtenAt = job.schedule_put_at?.getTime() ?? Date.now();
  const options = scheduleOptions(job, counted, taskQueue, writtenAt);
  return toHeldSchedule(await encodeSchedule(temporal, options)).fields;
}

const kindOf = ({ field }: { field: string }): DriftKind =>
  field === 'schedule' ? 'lost' : (field.split('.')[0] as DriftKind);

/** When to compare a schedule after a repair; null: in its turn. Pure. */
function nextComparison(job: JobRow, now: Date): Date | null {
  const excess = job.drift_count + 1 - PATIENT_REPAIRS;
  if (excess <= 0) return null;
  return new Date(now.getTime() + Math.min(MINUTE_MS * 2 ** excess, LONGEST_BACK_OFF_MS));
}
