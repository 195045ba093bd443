import os from 'node:os';
import { Connection } from '@temporalio/client';
import pg from 'pg';
import type { BenchContext } from './context.ts';

/** The machine and the servers of a measurement. */
export interface Machine {
  processor: string;
  cores: number;
  memoryGb: number;
  /** The load average over a minute before the bench started. */
  loadBefore: number;
  node: string;
  postgres: string;
  temporal: string;
}

/** The load average over the last minute. */
export const loadNow = () => os.loadavg()[0] ?? NaN;

/** Describes the machine and the servers. */
export async function describeMachine(
  { postgres, temporal }: Pick<BenchContext, 'postgres' | 'temporal'>,
  loadBefore: number,
): Promise<Machine> {
  const client = new pg.Client({ connectionString: postgres.urlOf('postgres') });
  await client.connect();
  const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
  await client.end();
  const connection = await Connection.connect({ address: temporal.address });
  const { serverVersion } = await connection.workflowService.getSystemInfo({});
  await connection.close();
  const cpus = os.cpus();
  return {
    processor: cpus[0]?.model ?? 'unknown',
    cores: cpus.length,
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    loadBefore,
    node: process.version,
    postgres: rows[0]?.server_version ?? 'unknown',
    temporal: serverVersion ?? 'unknown',
  };
}
