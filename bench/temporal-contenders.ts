import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { findPort } from '../local/ports.ts';
import { startTemporalServer } from '../local/temporal-server.ts';
import type { Contender } from './contender.ts';
import type { BenchContext } from './context.ts';
import { startProcess } from './process.ts';
import { createSchedule, deleteSchedule, RAW_TASK_QUEUE } from './raw/client.ts';

/** Raw Temporal on the tuned server, with a worker that has the options of the service's own. */
export async function startRaw({ temporal, folder, stops }: BenchContext): Promise<Contender> {
  const started = await startTemporalContender(
    'raw',
    temporal,
    'raw',
    folder,
    `127.0.0.1:${await findPort(0)}`,
  );
  stops.push(started.stop);
  return started;
}

/** Raw Temporal as it comes: a server of its own without a flag, and a worker without an option. */
export async function startPlain(context: BenchContext): Promise<Contender & { stop: () => Promise<void> }> {
  const server = await startTemporalServer({
    binary: context.binary,
    // It finds what an earlier round has left, as the tuned one does.
    dataDir: path.join(context.folder, 'plain'),
    port: await findPort(0),
    isUntuned: true,
    logFile: path.join(context.folder, 'plain-temporal.log'),
  });
  // Stopping it twice does nothing the second time.
  context.stops.push(server.stop);
  const started = await startTemporalContender('plain', server, 'default', context.folder);
  context.stops.push(started.stop);
  return {
    ...started,
    stop: async () => {
      await started.stop();
      await server.stop();
    },
  };
}

async function startTemporalContender(
  name: 'raw' | 'plain',
  server: { address: string; pid: number },
  namespace: string,
  folder: string,
  metricsAddress?: string,
): Promise<Contender & { stop: () => Promise<void> }> {
  const worker = await startProcess(
    `${name}-worker`,
    [
      ...['--import', 'tsx', 'bench/raw/worker.ts', server.address, namespace, RAW_TASK_QUEUE],
      ...(metricsAddress === undefined ? [] : [metricsAddress]),
    ],
    folder,
  );
  const connection = await Connection.connect({ address: server.address });
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
    stop: async () => {
      await connection.close();
      await worker.stop();
    },
  };
}
