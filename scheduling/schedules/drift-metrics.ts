import { Counter } from 'prom-client';
import type { MetricsRegistry } from '../../platform/metrics.ts';

/**
 * A kind of drift: a schedule that is gone, one without a job, or the part of a schedule that was changed. Dashboards
 * hold these values, so they stay.
 */
export type DriftKind = 'lost' | 'orphan' | 'spec' | 'policies' | 'action' | 'state';

const KINDS: readonly DriftKind[] = ['lost', 'orphan', 'spec', 'policies', 'action', 'state'];

/** Counts one repair of drift, or several. */
export type CountDrift = (kind: DriftKind, count?: number) => void;

/** Registers the metric of the drift that this process repairs. */
export function createDriftMetrics(registry: MetricsRegistry): CountDrift {
  const repaired = new Counter({
    name: 'scheduler_schedule_drift_total',
    help: 'Temporal Schedules that were not as their jobs had written them, and were repaired, by what differed.',
    labelNames: ['kind'],
    registers: [registry],
  });
  // A rate needs a series from before the first repair.
  for (const kind of KINDS) repaired.inc({ kind }, 0);
  return (kind, count = 1) => repaired.inc({ kind }, count);
}
