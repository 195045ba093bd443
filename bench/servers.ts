import path from 'node:path';
import { findPort } from '../local/ports.ts';
import { startPostgres } from '../local/postgres.ts';
import { findTemporalBinary } from '../local/temporal-binary.ts';
import { startTemporalServer } from '../local/temporal-server.ts';
import type { BenchContext } from './context.ts';
import { startReceiver } from './receiver-process.ts';

/** One namespace per installation, so that none sees the schedules of another. */
export const NAMESPACES = ['ours', 'raw', 'few', 'many'] as const;

/** Starts Postgres, Temporal and the target of all jobs. */
export async function startServers(
  options: Pick<BenchContext, 'plan' | 'folder' | 'say' | 'signal' | 'stops'>,
): Promise<BenchContext> {
  const { folder, say, signal, stops } = options;
  const binary = await findTemporalBinary(say);
  say('Starting Postgres and Temporal …');
  const postgres = await startPostgres({
    dataDir: path.join(folder, 'postgres'),
    port: await findPort(0),
    logFile: path.join(folder, 'postgres.log'),
    settings: ['shared_preload_libraries=pg_stat_statements'],
    say,
  });
  stops.push(postgres.stop);
  signal.throwIfAborted();
  const temporal = await startTemporalServer({
    binary,
    dataDir: folder,
    port: await findPort(0),
    namespaces: [...NAMESPACES],
    logFile: path.join(folder, 'temporal.log'),
  });
  stops.push(temporal.stop);
  signal.throwIfAborted();
  const receiver = await startReceiver(folder);
  stops.push(receiver.stop);
  signal.throwIfAborted();
  return { ...options, binary, postgres, temporal, receiver };
}
