import { collectDefaultMetrics, Registry } from 'prom-client';

/** The metrics of a process. */
export type MetricsRegistry = Registry;

/** A registry with the default metrics of Node: CPU, memory, event loop delay, garbage collection. */
export function createMetricsRegistry(): MetricsRegistry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Content-Type of /metrics. */
export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;
