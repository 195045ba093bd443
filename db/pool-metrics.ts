import { Gauge } from 'prom-client';
import type { MetricsRegistry } from '../platform/metrics.ts';
import { poolOf, type Database } from './database.ts';

/** How the connections of this process to Postgres are used. */
export function createPoolMetrics(registry: MetricsRegistry, db: Database, database = 'primary'): void {
  const connections = gaugeOf(registry);
  const collect = () => {
    const pool = poolOf(db);
    connections.set({ database, state: 'used' }, pool.totalCount - pool.idleCount);
    connections.set({ database, state: 'idle' }, pool.idleCount);
    connections.set({ database, state: 'waiting' }, pool.waitingCount);
  };
  collectors.get(registry)?.push(collect);
}

/** Several databases share one gauge of a registry. */
const collectors = new WeakMap<MetricsRegistry, (() => void)[]>();

function gaugeOf(registry: MetricsRegistry): Gauge {
  const known = registry.getSingleMetric('scheduler_database_connections');
  if (known) return known as Gauge;
  const ofRegistry: (() => void)[] = [];
  collectors.set(registry, ofRegistry);
  return new Gauge({
    name: 'scheduler_database_connections',
    help: 'Connections to Postgres of this process: in use, idle, and requests that wait for one.',
    labelNames: ['database', 'state'],
    registers: [registry],
    collect: () => {
      for (const collect of ofRegistry) collect();
    },
  });
}
