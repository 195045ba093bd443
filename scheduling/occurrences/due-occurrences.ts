import type { JobRow } from '../../db/schema.ts';
import { compileSchedule, type CompiledSchedule } from '../../domain/schedule/compile-schedule.ts';
import { durationMs } from '../../domain/duration.ts';
import { HOUR_MS, SECOND_MS } from '../../domain/milliseconds.ts';
import { iterateOccurrences, occurrences } from '../../domain/schedule/occurrences.ts';
import { includingSkipped } from '../../domain/schedule/skips.ts';
import { lastOfPause } from './pause-log.ts';

// Which occurrences of a job are to be materialized, and when (occurrence-log.ts).

/** An occurrence may be without a row for this time after it was due: its run may be about to begin. */
const GRACE_MS = 10 * SECOND_MS;
/** A job is materialized no more often than this, however often it fires. */
export const LEAST_PERIOD_MS = 15 * SECOND_MS;
/** The record of a pause is extended whenever the pause has become longer by this share. */
const PAUSE_SHARE = 0.1;
/** The longest time between two extensions of the record of a pause, if occurrences are due. */
const LONGEST_PERIOD_MS = HOUR_MS;
/** Occurrences of one job in one batch. */
const BATCH = 1_000;

/**
 * When to materialize a job next, if that is done up to `materializedTo`; null if it has no more occurrences.
 * Pure.
 */
export function nextMaterializeAt(
  job: Pick<JobRow, 'schedule' | 'state' | 'paused_at'>,
  materializedTo: Date,
  now: Date,
  compiled: CompiledSchedule = compileSchedule(job.schedule),
): Date | null {
  if (job.state === 'completed') return null;
  // A skipped occurrence is recorded when it is due.
  const [next] = occurrences(includingSkipped(compiled), materializedTo.getTime(), 1);
  if (next === undefined) return null;
  const isPaused = job.state === 'paused';
  const pausedMs = isPaused ? now.getTime() - (job.paused_at ?? now).getTime() : 0;
  const periodMs = Math.min(Math.max(LEAST_PERIOD_MS, pausedMs * PAUSE_SHARE), LONGEST_PERIOD_MS);
  return new Date(Math.max(next + (isPaused ? 0 : jitterOf(job)) + GRACE_MS, now.getTime() + periodMs));
}

/** The jitter of a job in milliseconds: each start may come this much later. Pure. */
export const jitterOf = ({ schedule }: Pick<JobRow, 'schedule'>) =>
  schedule.jitter === undefined ? 0 : durationMs(schedule.jitter);

/** Tells whether an active job has occurrences up to now that are not materialized. Pure. */
export function isDueSince(job: JobRow, now: Date): boolean {
  const [next] = occurrences(compileSchedule(job.schedule), job.accounted_to.getTime(), 1);
  return job.state === 'active' && next !== undefined && next <= now.getTime();
}

/**
 * The occurrences of a job up to `until` that are not materialized, one batch, and up to where that is all of
 * them. Pure.
 */
export function findDue(job: JobRow, until: Date): { instants: number[]; materializedTo: Date } {
  const instants: number[] = [];
  if (until <= job.accounted_to) return { instants, materializedTo: job.accounted_to };
  for (const instant of iterateOccurrences(compileSchedule(job.schedule), job.accounted_to.getTime())) {
    if (instant > until.getTime()) break;
    instants.push(instant);
    if (instants.length === BATCH) return { instants, materializedTo: new Date(instant) };
  }
  return { instants, materializedTo: until };
}

/** When the pause of a job began; undefined if it is not paused. Pure. */
export const pauseOf = (job: JobRow) => (job.state === 'paused' ? (job.paused_at ?? undefined) : undefined);

/** Tells whether an instant lies in the present pause of a job, where no occurrence starts, materialized or not. Pure. */
export const isInPause = ({ state, paused_at, paused_until }: JobRow, instant: number): boolean =>
  state === 'paused' &&
  instant > (paused_at?.getTime() ?? Infinity) &&
  instant < (paused_until?.getTime() ?? Infinity);

/** The earlier of two instants. Pure. */
export const earlier = (one: Date, other: Date | undefined) =>
  other !== undefined && other < one ? other : one;

/**
 * Up to when occurrences may be materialized: their workers are not about to insert them, and they are in no
 * pause. Pure.
 */
export function materializableTo(job: JobRow, now: Date): Date {
  const aWhileAgo = now.getTime() - GRACE_MS - jitterOf(job);
  // Temporal does not start occurrences that were due before the schedule was written: those need not wait
  // for a worker.
  const beforeSchedule = Math.min(now.getTime(), job.schedule_put_at?.getTime() ?? 0);
  return earlier(new Date(Math.max(aWhileAgo, beforeSchedule)), pauseOf(job));
}

/** Up to when the occurrences of a paused job may be recorded. Pure. */
export const pauseRecordableTo = (job: JobRow, now: Date): Date =>
  earlier(
    new Date(now.getTime() - GRACE_MS),
    job.paused_until === null ? undefined : lastOfPause(job.paused_until),
  );
