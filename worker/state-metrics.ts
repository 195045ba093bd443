import type { Client } from '@temporalio/client';
import { Gauge } from 'prom-client';
import type { Database } from '../db/database.ts';
import { countStates } from '../db/upkeep/state-counts.ts';
import { SECOND_MS } from '../domain/milliseconds.ts';
import { atMostEvery } from '../platform/at-most-every.ts';
import type { Logger } from '../platform/logger.ts';
import type { MetricsRegistry } from '../platform/metrics.ts';
import { findBacklog } from '../scheduling/temporal/backlog.ts';

/** So often the databases are asked at most, however many scrape. */
const COUNT_EVERY_MS = 15 * SECOND_MS;

/**
 * The state of the whole installation, as this worker sees it: every worker says the same, so take the maximum over
 * them, not the sum. What can not be found out at the moment is missing, and `scheduler_state_up` is 0.
 */
export function createStateMetrics(
  registry: MetricsRegistry,
  { db, temporal, taskQueue, logger }: { db: Database; temporal: Client; taskQueue: string; logger: Logger },
): void {
  const gauges: Gauge[] = [];
  // Each waits for the count before it is read.
  const gauge = (name: string, help: string, ...labelNames: string[]) => {
    const one = new Gauge({ name, help, labelNames, registers: [registry], collect: () => refresh() });
    gauges.push(one);
    return one;
  };
  const jobs = gauge('scheduler_jobs', 'Jobs, by state.', 'state');
  const unsynced = gauge('scheduler_jobs_unsynced', 'Jobs that Temporal does not match, by why.', 'sync');
  const syncLag = gauge(
    'scheduler_sync_lag_seconds',
    'Age of the oldest change that Temporal does not know.',
  );
  const openRuns = gauge('scheduler_open_runs', 'Runs that have not ended, by state.', 'state');
  const oldestQueued = gauge(
    'scheduler_oldest_queued_run_seconds',
    'How long ago the oldest occurrence was due that has not begun.',
  );
  const turns = gauge('scheduler_turns', 'Turns under limits: waited for, and held.', 'state');
  const unplaced = gauge('scheduler_run_events_unplaced', 'Events of runs that no stream can show yet.');
  const silent = gauge('scheduler_reconciler_silent_seconds', 'Since a pass of the reconciler last ended.');
  const swept = gauge('scheduler_sweep_age_seconds', 'Since all schedules were last compared with all jobs.');
  const backlog = gauge(
    'scheduler_task_queue_backlog',
    "Tasks that wait in Temporal for the scheduler's workers.",
    'task_type',
  );
  const backlogAge = gauge(
    'scheduler_task_queue_backlog_age_seconds',
    'How long the oldest of them has waited.',
    'task_type',
  );

  const count = atMostEvery(COUNT_EVERY_MS, async () => {
    const [states, waiting] = await Promise.all([countStates(db), findBacklog(temporal, taskQueue)]);
    for (const [state, number] of Object.entries(states.jobs)) jobs.set({ state }, number);
    for (const [sync, number] of Object.entries(states.unsynced)) unsynced.set({ sync }, number);
    syncLag.set(states.syncLagSeconds);
    for (const [state, number] of Object.entries(states.openRuns)) openRuns.set({ state }, number);
    oldestQueued.set(states.oldestQueuedSeconds);
    for (const [state, number] of Object.entries(states.permits)) turns.set({ state }, number);
    unplaced.set(states.unplacedEvents);
    silent.set(states.reconcilerSilentSeconds);
    swept.set(states.sweepAgeSeconds);
    for (const { taskType, tasks, ageSeconds } of waiting) {
      backlog.set({ task_type: taskType }, tasks);
      backlogAge.set({ task_type: taskType }, ageSeconds);
    }
  });
  let isUp = false;
  async function refresh(): Promise<void> {
    try {
      await count();
      isUp = true;
    } catch (error) {
      logger.debug({ err: error }, 'could not find out the state of the installation');
      // Better none than old ones.
      for (const one of gauges) one.reset();
      isUp = false;
    }
  }
  new Gauge({
    name: 'scheduler_state_up',
    help: 'Whether Postgres and Temporal could be asked for the state of the installation.',
    registers: [registry],
    async collect() {
      await refresh();
      this.set(isUp ? 1 : 0);
    },
  });
}
