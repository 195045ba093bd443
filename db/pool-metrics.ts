import { Gauge } from 'prom-client';
import type { MetricsRegistry } from '../platform/metrics.ts';
import { poolOf, type Database } from './database.ts';

/** How the connections of this process to Postgres are used, for each database by its name. */
export function createPoolMetrics(registry: MetricsRegistry, databases: Record<string, Database>): void {
  new Gauge({
    name: 'scheduler_database_connections',
    help: 'Connections to Postgres of this process: in use, idle, and requests that wait for one.',
    labelNames: ['database', 'state'],
    registers: [registry],
    collect() {
      for (const [database, db] of Object.entries(databases)) {
        const { totalCount, idleCount, waitingCount } = poolOf(db);
        this.set({ database, state: 'used' }, totalCount - idleCount);
        this.set({ database, state: 'idle' }, idleCount);
        this.set({ database, state: 'waiting' }, waitingCount);
      }
    },
  });
}
