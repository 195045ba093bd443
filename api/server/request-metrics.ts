import { Gauge, Histogram } from 'prom-client';
import type { MetricsRegistry } from '../../platform/metrics.ts';

/** Notes that a request was answered: by which route, a template such as `/jobs/{id}`, and after how many seconds. */
export type ObserveRequest = (
  request: { method: string; route: string; status: number },
  seconds: number,
) => void;

/** The metrics of the requests of an API process. The time of a stream is the time until it began. */
export function createRequestMetrics(registry: MetricsRegistry): ObserveRequest {
  const duration = new Histogram({
    name: 'scheduler_http_request_duration_seconds',
    help: 'How long requests to the API took.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  return ({ method, route, status }, seconds) =>
    duration.observe({ method, route, status: String(status) }, seconds);
}

/** How many clients follow runs at this process. */
export function createStreamMetrics(registry: MetricsRegistry, countReaders: () => number): void {
  new Gauge({
    name: 'scheduler_run_stream_readers',
    help: 'Clients that follow runs at this process.',
    registers: [registry],
    collect() {
      this.set(countReaders());
    },
  });
}
