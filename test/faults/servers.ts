import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../../local/processes.ts';
import { startPostgres, type RunningPostgres } from '../../local/postgres.ts';
import { startTemporalServer, type RunningTemporal } from '../../local/temporal-server.ts';

/** A server that can be killed and started again with the same port and data. */
export interface KillableServer {
  name: string;
  port: () => number;
  /** kill -9; resolves when it is gone. */
  kill: () => Promise<void>;
  /** SIGSTOP, and SIGCONT after `durationMs`. */
  freeze: (durationMs: number) => Promise<void>;
  /** Starts it, unless it runs. Resolves when it answers, with whether it was down. */
  restart: () => Promise<boolean>;
  stop: () => Promise<void>;
}

/** Where a Postgres listens, and has its data. */
export interface PostgresPlace {
  dataDir: string;
  port: number;
}

/** A Postgres that another one can replace, with its own port and data. */
export interface KillablePostgres extends KillableServer {
  /** The folder with its data. */
  dataDir: () => string;
  urlOf: (database: string) => string;
  /** Starts another one beside it, which is not the server yet. */
  startOther: (place: PostgresPlace, settings?: string[]) => Promise<RunningPostgres>;
  /** Another one that runs is the server from now on. */
  replaceBy: (place: PostgresPlace, other: RunningPostgres) => void;
}

/** Temporal, whose data can be lost. */
export interface KillableTemporal extends KillableServer {
  /** Deletes its data, while it is down. */
  loseData: () => void;
}

const RESTARTS = 20;
/** The log of Postgres stays small enough for a small disk. */
const SETTINGS = ['wal_keep_size=64MB', 'max_wal_size=128MB'];

/** Postgres, which waits for its disk as in production. */
export async function startKillablePostgres(
  folder: string,
  place: PostgresPlace,
  say: (text: string) => void,
): Promise<KillablePostgres> {
  const startOther = (wanted: PostgresPlace, settings: string[] = []) =>
    startPostgres({
      ...wanted,
      settings: [...SETTINGS, ...settings],
      logFile: path.join(folder, 'logs', 'postgres.log'),
      say,
    });
  let current = place;
  let server = await startOther(current);
  const start = async () => void (server = await startOther(current));
  return {
    ...killable('Postgres', { get: () => server, start }),
    port: () => server.port,
    dataDir: () => server.dataDir,
    urlOf: (database) => server.urlOf(database),
    startOther,
    replaceBy: (otherPlace, other) => {
      current = otherPlace;
      server = other;
    },
  };
}

/** Temporal's development server, with its state in a file. */
export async function startKillableTemporal(
  folder: string,
  port: number,
  binary: string,
): Promise<KillableTemporal> {
  const start = () =>
    startTemporalServer({
      binary,
      dataDir: folder,
      port,
      logFile: path.join(folder, 'logs', 'temporal.log'),
    });
  let server = await start();
  return {
    ...killable('Temporal', { get: () => server, start: async () => void (server = await start()) }),
    port: () => port,
    loseData: () => {
      for (const file of ['temporal.db', 'temporal.db-shm', 'temporal.db-wal'])
        rmSync(path.join(folder, file), { force: true });
    },
  };
}

function killable<Server extends RunningPostgres | RunningTemporal>(
  name: string,
  current: { get: () => Server; start: () => Promise<void> },
): Omit<KillableServer, 'port'> {
  // Also the children of Postgres: one that lives on for a moment would prevent the next start.
  const signal = (wanted: NodeJS.Signals) => {
    const { pid } = current.get();
    for (const id of [pid, ...childrenOf(pid)]) if (isAlive(id)) process.kill(id, wanted);
  };
  return {
    name,
    kill: async () => {
      signal('SIGKILL');
      await current.get().exited;
    },
    freeze: async (durationMs) => {
      signal('SIGSTOP');
      await sleep(durationMs);
      signal('SIGCONT');
    },
    restart: async () => {
      if (isAlive(current.get().pid)) return false;
      for (let attempt = 1; ; attempt++) {
        try {
          await current.start();
          return true;
        } catch (error) {
          if (attempt === RESTARTS) throw error;
          await sleep(500);
        }
      }
    },
    stop: () => current.get().stop(),
  };
}

function childrenOf(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []));
}
