import type pg from 'pg';
import { Gauge } from 'prom-client';
import type { MetricsRegistry } from '../platform/metrics.ts';

/** Registers the metrics of this process's connections to Postgres, for each pool by its name. */
export function createPoolMetrics(registry: MetricsRegistry, pools: Record<string, pg.Pool>): void {
  new Gauge({
    name: 'scheduler_database_connections',
    help: 'Connections to Postgres of this process: in use, idle, and requests that wait for one.',
    labelNames: ['database', 'state'],
    registers: [registry],
    collect() {
      for (const [database, pool] of Object.entries(pools)) {
        const { totalCount, idleCount, waitingCount } = pool;
        this.set({ database, state: 'used' }, totalCount - idleCount);
        this.set({ database, state: 'idle' }, idleCount);
        this.set({ database, state: 'waiting' }, waitingCount);
      }
    },
  });
}
