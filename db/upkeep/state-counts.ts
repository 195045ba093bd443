import { sql } from 'kysely';
import type { JobState } from '../../domain/job/job.ts';
import type { Database } from '../database.ts';
import { IS_LATE } from '../rules.ts';

/** Counts of jobs, runs, permits and events by state, and the ages of what should not grow old. */
export interface StateCounts {
  jobs: Record<JobState, number>;
  /** Jobs that are late by their `onLate`. */
  lateJobs: number;
  /** Jobs that Temporal does not match yet: not synced, or refused by it. */
  unsynced: { pending: number; error: number };
  /** The age of the oldest change that Temporal does not know, in seconds; 0 if it knows all. */
  syncLagSeconds: number;
  openRuns: { queued: number; running: number };
  /** How long ago the oldest scheduled run that has not begun was due, in seconds. */
  oldestQueuedSeconds: number;
  /** Permits that are requested, and permits that are held. */
  permits: { waiting: number; held: number };
  /** Events of runs that have no position in the stream yet. */
  unplacedEvents: number;
  /** The time since the reconciler last finished a pass, and a sweep. */
  reconcilerSilentSeconds: number;
  sweepAgeSeconds: number;
}

/** Counts states. Except for the jobs, each part has an index that holds no more than the rows that are counted. */
export async function countStates(db: Database): Promise<StateCounts> {
  const { rows } = await sql<{ counts: StateCounts }>`
    SELECT json_build_object(
      'jobs', (
        SELECT json_build_object(
          'active', count(*) FILTER (WHERE state = 'active'),
          'paused', count(*) FILTER (WHERE state = 'paused'),
          'completed', count(*) FILTER (WHERE state = 'completed'))
        FROM jobs WHERE deleted_at IS NULL),
      'lateJobs', (SELECT count(*) FROM jobs WHERE ${IS_LATE} AND deleted_at IS NULL),
      'unsynced', (
        SELECT json_build_object(
          'pending', count(*) FILTER (WHERE sync_error IS NULL),
          'error', count(*) FILTER (WHERE sync_error IS NOT NULL))
        FROM jobs WHERE observed_generation < generation),
      'syncLagSeconds', (
        SELECT coalesce(extract(epoch FROM now() - min(updated_at)), 0)
        FROM jobs WHERE observed_generation < generation),
      'openRuns', (
        SELECT json_build_object(
          'queued', count(*) FILTER (WHERE state = 'queued'),
          'running', count(*) FILTER (WHERE state = 'running'))
        FROM runs WHERE ended_at IS NULL),
      'oldestQueuedSeconds', (
        SELECT greatest(0, coalesce(extract(epoch FROM now() - min(scheduled_at)), 0))
        FROM runs WHERE ended_at IS NULL AND state = 'queued' AND trigger = 'schedule'),
      'permits', (
        SELECT json_build_object(
          'waiting', count(*) FILTER (WHERE granted_at IS NULL),
          'held', count(*) FILTER (WHERE granted_at IS NOT NULL))
        FROM permits WHERE released_at IS NULL),
      'unplacedEvents', (SELECT count(*) FROM run_events WHERE place IS NULL),
      'reconcilerSilentSeconds', (SELECT greatest(0, extract(epoch FROM now() - passed_at)) FROM reconciler),
      'sweepAgeSeconds', (SELECT greatest(0, extract(epoch FROM now() - swept_at)) FROM reconciler)
    ) AS counts`.execute(db);
  const [row] = rows;
  if (!row) throw new Error('a statement without FROM answers one row');
  return row.counts;
}
