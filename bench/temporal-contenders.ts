import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { findPort } from '../local/ports.ts';
import { startTemporalServer, type RunningTemporal } from '../local/temporal-server.ts';
import type { Contender } from './contender.ts';
import type { BenchContext } from './context.ts';
import { startProcess } from './process.ts';
import { createSchedule, deleteSchedule, RAW_TASK_QUEUE } from './raw/client.ts';

/** Raw Temporal on the tuned server, with the worker options of the service. */
export async function startRaw(context: BenchContext): Promise<Contender> {
  const metricsAddress = `127.0.0.1:${await findPort(0)}`;
  return startWith(context, { name: 'raw', server: context.temporal, namespace: 'raw', metricsAddress });
}

/** Raw Temporal with its defaults: its own server without flags, and a worker without options. */
export async function startPlain(context: BenchContext): Promise<Contender> {
  const server = await startTemporalServer({
    binary: context.binary,
    // Like the tuned server, it keeps its data between rounds.
    dataDir: path.join(context.folder, 'plain'),
    port: await findPort(0),
    isUntuned: true,
    logFile: path.join(context.folder, 'plain-temporal.log'),
  });
  context.stops.push(server.stop);
  return startWith(context, { name: 'plain', server, namespace: 'default' });
}

async function startWith(
  { folder, stops }: BenchContext,
  options: {
    name: 'raw' | 'plain';
    server: Pick<RunningTemporal, 'address' | 'pid'>;
    namespace: string;
    metricsAddress?: string;
  },
): Promise<Contender> {
  const { name, server, namespace, metricsAddress } = options;
  const script = ['--import', 'tsx', 'bench/raw/worker.ts', server.address, namespace, RAW_TASK_QUEUE];
  const metrics = metricsAddress === undefined ? [] : [metricsAddress];
  const worker = await startProcess(`${name}-worker`, [...script, ...metrics], folder);
  stops.push(worker.stop);
  const connection = await Connection.connect({ address: server.address });
  stops.push(() => connection.close());
  const temporal = new Client({ connection, namespace });
  return {
    name,
    create: async (job) => void (await createSchedule(temporal, job)),
    remove: (job) => deleteSchedule(temporal, job),
    pids: { worker: worker.pid, temporal: server.pid },
    temporal,
    scheduleIdOf: (job) => job.name,
    ...(metricsAddress === undefined
      ? {}
      : { readMetrics: async () => (await fetch(`http://${metricsAddress}/metrics`)).text() }),
  };
}
