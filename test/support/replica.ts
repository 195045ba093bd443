import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { findPort } from '../../local/ports.ts';
import { findOsUser, startPostgres, type RunningPostgres } from '../../local/postgres.ts';
import { fromRunner } from './environment.ts';

/** A Postgres server and its streaming replica. */
export interface ReplicatedPostgres {
  primary: RunningPostgres;
  /** The connection string of one of the replica's databases. */
  replicaUrlOf: (database: string) => string;
  stopReplica: () => Promise<void>;
  /** Starts the replica again, with its port and data. */
  startReplica: () => Promise<void>;
  stop: () => Promise<void>;
}

/** Starts both. The replica starts as a copy of the primary's files, because the embedded Postgres lacks pg_basebackup. */
export async function startReplicatedPostgres(name: string): Promise<ReplicatedPostgres> {
  const folder = fromRunner('folder');
  const primaryPort = await findPort(0);
  const replicaPort = await findPort(0, [primaryPort]);
  const start = (which: string, port: number, settings: string[] = []) =>
    startPostgres({
      dataDir: path.join(folder, `${name}-${which}`, 'data'),
      port,
      logFile: path.join(folder, `${name}-${which}.log`),
      settings: ['fsync=off', 'wal_keep_size=64MB', ...settings],
      say: () => undefined,
    });
  // Each returns its data folder, which can differ from the requested one.
  const [original, other] = await Promise.all([start('primary', primaryPort), start('replica', replicaPort)]);
  await Promise.all([original.stop(), other.stop()]);
  rmSync(other.dataDir, { recursive: true });
  execFileSync('cp', ['-a', original.dataDir, other.dataDir]);
  execFileSync('touch', [path.join(other.dataDir, 'standby.signal')], { ...findOsUser(), cwd: '/' });

  const primary = await start('primary', primaryPort);
  const { username, password } = new URL(primary.urlOf('postgres'));
  const source = `host=127.0.0.1 port=${primaryPort} user=${username} password=${password}`;
  const startStandby = () => start('replica', replicaPort, [`primary_conninfo=${source}`]);
  let replica = await startStandby();
  return {
    primary,
    replicaUrlOf: (database) => replica.urlOf(database),
    stopReplica: () => replica.stop(),
    startReplica: async () => {
      replica = await startStandby();
    },
    stop: async () => {
      await replica.stop();
      await primary.stop();
    },
  };
}
