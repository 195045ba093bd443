import { setTimeout as sleep } from 'node:timers/promises';
import { startLogged, type LoggedProcess } from '../../local/processes.ts';

/** The delay before a process that has ended is started again. */
const RESTART_PAUSE_MS = 200;

/** An API or worker that a supervisor starts again whenever it ends. */
export interface SupervisedProcess {
  name: string;
  /** The URL of /readyz and, for an API, of all operations. */
  url: string;
  /** The id of the current process. */
  pid: () => number;
  /** Between SIGSTOP and SIGCONT. */
  isStopped: () => boolean;
  /** kill -9. The next process, and only that one, starts with `env` as well. */
  kill: (env?: Record<string, string>) => void;
  /** SIGSTOP, and SIGCONT after `durationMs`. */
  freeze: (durationMs: number) => Promise<void>;
  isReady: () => Promise<boolean>;
  stop: () => Promise<void>;
}

/** Starts `dist/<kind>/main.js` under supervision. `onExit` is called for ends that `kill` did not cause. */
export function supervise(options: {
  kind: 'api' | 'worker';
  name: string;
  port: number;
  env: Record<string, string>;
  logFile: string;
  onExit: (detail: string) => void;
}): SupervisedProcess {
  const { kind, name, port, env, logFile, onExit } = options;
  const url = `http://127.0.0.1:${port}`;
  let current: LoggedProcess;
  let stopping = false;
  let killed = false;
  let frozen = false;
  let envOnce: Record<string, string> = {};

  const start = () => {
    const started = startLogged(process.execPath, [`dist/${kind}/main.js`], {
      env: { PATH: process.env['PATH'], PORT: String(port), WORKER_PORT: String(port), ...env, ...envOnce },
      logFile,
      // With an IPC channel, so that it ends when the bench is killed.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    envOnce = {};
    return started;
  };
  const signal = (wanted: NodeJS.Signals) => void current.child.kill(wanted);
  current = start();
  const running = (async () => {
    for (;;) {
      const { code, signal: by, lastOutput } = await current.exited;
      if (stopping) return;
      if (!killed) onExit(`ended with ${code ?? by ?? 'nothing'}: ${lastOutput}`);
      killed = false;
      await sleep(RESTART_PAUSE_MS);
      current = start();
    }
  })();

  return {
    name,
    url,
    pid: () => current.child.pid ?? 0,
    isStopped: () => frozen,
    kill: (once = {}) => {
      killed = true;
      envOnce = once;
      signal('SIGKILL');
    },
    freeze: async (durationMs) => {
      frozen = true;
      signal('SIGSTOP');
      await sleep(durationMs);
      signal('SIGCONT');
      frozen = false;
    },
    isReady: () =>
      fetch(`${url}/readyz`, { signal: AbortSignal.timeout(3_000) })
        .then(async (answer) => {
          const { status } = (await answer.json()) as { status: string };
          return answer.status === 200 && status !== 'degraded';
        })
        .catch(() => false),
    stop: async () => {
      stopping = true;
      signal('SIGCONT');
      signal('SIGTERM');
      const timer = setTimeout(() => signal('SIGKILL'), 40_000);
      await running;
      clearTimeout(timer);
    },
  };
}
