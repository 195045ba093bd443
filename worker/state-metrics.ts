import type { Client } from '@temporalio/client';
import { Gauge } from 'prom-client';
import type { Database } from '../db/database.ts';
import { countStates } from '../db/upkeep/state-counts.ts';
import { SECOND_MS } from '../domain/milliseconds.ts';
import { atMostEvery } from '../platform/at-most-every.ts';
import type { Logger } from '../platform/logger.ts';
import type { MetricsRegistry } from '../platform/metrics.ts';
import { findBacklog } from '../scheduling/temporal/backlog.ts';

/** Postgres and Temporal are queried at most this often, no matter how many scrape. */
const COUNT_EVERY_MS = 15 * SECOND_MS;

/**
 * Metrics about the state of the whole installation. All workers report the same values, so aggregate them by maximum, not by
 * sum. While Postgres or Temporal is away, the metrics are missing and `scheduler_state_up` is 0.
 */
export function createStateMetrics(
  registry: MetricsRegistry,
  { db, temporal, taskQueue, logger }: { db: Database; temporal: Client; taskQueue: string; logger: Logger },
): void {
  const gauges: Gauge[] = [];
  // Collecting any of them refreshes all, and waits for that.
  const gauge = (name: string, help: string, ...labelNames: string[]) => {
    const created = new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect: async () => void (await refresh()),
    });
    gauges.push(created);
    return created;
  };
  const jobs = gauge('scheduler_jobs', 'Jobs, by state.', 'state');
  const late = gauge('scheduler_jobs_late', 'Jobs that are late by their onLate.');
  const unsynced = gauge(
    'scheduler_jobs_unsynced',
    'Jobs whose Temporal Schedule is not known to match, by sync state.',
    'sync',
  );
  const syncLag = gauge(
    'scheduler_sync_lag_seconds',
    'Age of the oldest change that is not synced to Temporal.',
  );
  const openRuns = gauge('scheduler_open_runs', 'Runs that have not ended, by state.', 'state');
  const oldestQueued = gauge(
    'scheduler_oldest_queued_run_seconds',
    'Time since the oldest queued run was due.',
  );
  // The metric keeps the old word for permits.
  const permits = gauge('scheduler_turns', 'Permits under limits: waited for, and held.', 'state');
  const unplaced = gauge('scheduler_run_events_unplaced', 'Events of runs that streams do not show yet.');
  const silent = gauge(
    'scheduler_reconciler_silent_seconds',
    'Time since a pass of the reconciler last ended.',
  );
  const swept = gauge(
    'scheduler_sweep_age_seconds',
    'Time since all Temporal Schedules were last compared with all jobs.',
  );
  const backlog = gauge(
    'scheduler_task_queue_backlog',
    "Tasks that wait in Temporal for this service's workers.",
    'task_type',
  );
  const backlogAge = gauge(
    'scheduler_task_queue_backlog_age_seconds',
    'Age of the oldest task that waits in Temporal.',
    'task_type',
  );

  const count = atMostEvery(COUNT_EVERY_MS, async () => {
    const [states, waiting] = await Promise.all([countStates(db), findBacklog(temporal, taskQueue)]);
    for (const [state, number] of Object.entries(states.jobs)) jobs.set({ state }, number);
    late.set(states.lateJobs);
    for (const [sync, number] of Object.entries(states.unsynced)) unsynced.set({ sync }, number);
    syncLag.set(states.syncLagSeconds);
    for (const [state, number] of Object.entries(states.openRuns)) openRuns.set({ state }, number);
    oldestQueued.set(states.oldestQueuedSeconds);
    for (const [state, number] of Object.entries(states.permits)) permits.set({ state }, number);
    unplaced.set(states.unplacedEvents);
    silent.set(states.reconcilerSilentSeconds);
    swept.set(states.sweepAgeSeconds);
    for (const { taskType, tasks, ageSeconds } of waiting) {
      backlog.set({ task_type: taskType }, tasks);
      backlogAge.set({ task_type: taskType }, ageSeconds);
    }
  });
  /** Tells whether the state could be read; otherwise removes all values. */
  async function refresh(): Promise<boolean> {
    try {
      await count();
      return true;
    } catch (error) {
      logger.debug({ err: error }, 'could not read the state of the installation');
      // Stale values would be worse than none.
      for (const created of gauges) created.reset();
      return false;
    }
  }
  new Gauge({
    name: 'scheduler_state_up',
    help: 'Whether the state of the installation could be read from Postgres and Temporal.',
    registers: [registry],
    async collect() {
      this.set((await refresh()) ? 1 : 0);
    },
  });
}
