import { Counter, Histogram } from 'prom-client';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { MetricsRegistry } from '../../platform/metrics.ts';

/** Observes a pass of the reconciler: how long it took, and how many items each step took care of. */
export type ObservePass = (result: Record<string, number>, tookMs: number) => void;

/** Registers the metrics of the passes that this process makes. */
export function createPassMetrics(registry: MetricsRegistry): ObservePass {
  const registers = [registry];
  const duration = new Histogram({
    name: 'scheduler_reconcile_pass_duration_seconds',
    help: 'How long passes of the reconciler took.',
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 20, 30],
    registers,
  });
  const done = new Counter({
    name: 'scheduler_reconciled_total',
    help: 'What passes of the reconciler took care of, by step; "failed" are steps that failed.',
    labelNames: ['step'],
    registers,
  });
  return (result, tookMs) => {
    duration.observe(tookMs / SECOND_MS);
    for (const [step, count] of Object.entries(result)) done.inc({ step }, count);
  };
}
