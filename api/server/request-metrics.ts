import { Gauge, Histogram } from 'prom-client';
import type { MetricsRegistry } from '../../platform/metrics.ts';

/** Records an answered request and its duration in seconds. The route is a template, such as `/jobs/{id}`. */
export type ObserveRequest = (
  request: { method: string; route: string; status: number },
  seconds: number,
) => void;

/** Metrics of the requests of this process. The duration of a stream is the time until it begins. */
export function createRequestMetrics(registry: MetricsRegistry): ObserveRequest {
  const duration = new Histogram({
    name: 'scheduler_http_request_duration_seconds',
    help: 'Duration of requests to the API.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  return ({ method, route, status }, seconds) =>
    duration.observe({ method, route, status: String(status) }, seconds);
}

/** Metrics of the streams of this process. */
export function createStreamMetrics(registry: MetricsRegistry, countReaders: () => number): void {
  new Gauge({
    name: 'scheduler_run_stream_readers',
    help: 'Clients that stream runs from this process.',
    registers: [registry],
    collect() {
      this.set(countReaders());
    },
  });
}
