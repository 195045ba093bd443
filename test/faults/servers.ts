import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../../local/processes.ts';
import { startPostgres, type RunningPostgres } from '../../local/postgres.ts';
import { startTemporalServer, type RunningTemporal } from '../../local/temporal-server.ts';

/** A server that can be killed and started again with the same port and data. */
export interface KillableServer {
  name: string;
  port: number;
  /** kill -9; resolves when it is gone. */
  kill: () => Promise<void>;
  /** Resolves when it answers. */
  restart: () => Promise<void>;
  stop: () => Promise<void>;
}

const RESTARTS = 20;

/** Postgres, which waits for its disk as in production. */
export async function startKillablePostgres(folder: string, port: number, say: (text: string) => void) {
  const start = () =>
    startPostgres({
      dataDir: path.join(folder, 'postgres'),
      port,
      logFile: path.join(folder, 'logs', 'postgres.log'),
      say,
    });
  return killable('Postgres', port, await start(), start);
}

/** Temporal's development server, with its state in a file. */
export async function startKillableTemporal(folder: string, port: number, binary: string) {
  const start = () =>
    startTemporalServer({
      binary,
      dataDir: folder,
      port,
      logFile: path.join(folder, 'logs', 'temporal.log'),
    });
  return killable('Temporal', port, await start(), start);
}

function killable<Server extends RunningPostgres | RunningTemporal>(
  name: string,
  port: number,
  first: Server,
  start: () => Promise<Server>,
): KillableServer & { server: Server } {
  let server = first;
  return {
    name,
    port,
    server: first,
    kill: async () => {
      // Also the children of Postgres: one that lives on for a moment would prevent the next start.
      const children = childrenOf(server.pid);
      for (const pid of [server.pid, ...children]) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
      await server.exited;
    },
    restart: async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          server = await start();
          return;
        } catch (error) {
          if (attempt === RESTARTS) throw error;
          await sleep(500);
        }
      }
    },
    stop: () => server.stop(),
  };
}

function childrenOf(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []));
}
