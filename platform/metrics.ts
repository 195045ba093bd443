import { collectDefaultMetrics, Registry } from 'prom-client';

/** The metrics of one process, in Prometheus' text format. */
export type MetricsRegistry = Registry;

/** A registry that holds what Node says of its process: CPU, memory, delay of the event loop, garbage collection. */
export function createMetricsRegistry(): MetricsRegistry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Of what Prometheus is answered. */
export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;
