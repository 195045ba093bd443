import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { startLogged } from '../../../local/processes.ts';

const RESTART_PAUSE_MS = 500;

/** The worker of a user, which is started again whenever it ends. */
export interface UserWorker {
  /** The id of the current process. */
  pid: () => number;
  stop: () => Promise<void>;
}

/** Starts the worker of a user from its source. */
export function startUserWorker(temporalAddress: string, logFile: string): UserWorker {
  const script = fileURLToPath(new URL('./user-worker.ts', import.meta.url));
  const start = () =>
    startLogged(process.execPath, ['--import', 'tsx', script], {
      env: { PATH: process.env['PATH'], TEMPORAL_ADDRESS: temporalAddress },
      logFile,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
  let current = start();
  let stopping = false;
  const running = (async () => {
    for (;;) {
      await current.exited;
      if (stopping) return;
      await sleep(RESTART_PAUSE_MS);
      current = start();
    }
  })();
  return {
    pid: () => current.child.pid ?? 0,
    stop: async () => {
      stopping = true;
      current.child.kill('SIGTERM');
      const timer = setTimeout(() => current.child.kill('SIGKILL'), 10_000);
      await running;
      clearTimeout(timer);
    },
  };
}
