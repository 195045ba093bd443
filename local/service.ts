import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startLogged, stopProcess, type Exit, type LoggedProcess } from './processes.ts';

const START_TIMEOUT_MS = 120_000;
/** Longer than the 30 s that the API and the worker give themselves for a graceful shutdown. */
const STOP_TIMEOUT_MS = 35_000;
const INITIAL_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;

/** An API or worker process that is restarted when it dies. */
export interface Service {
  /** Resolves with its port when it is ready for the first time; rejects with its last output if it ends before. */
  ready: Promise<number>;
  stop: () => Promise<void>;
}

interface ServiceOptions {
  name: string;
  /** Relative to the root folder of the project. */
  script: string;
  env: NodeJS.ProcessEnv;
  logFile: string;
  say: (text: string) => void;
}

/** How a process ended: `exit code 1` or `signal SIGKILL`. */
const describeExit = ({ code, signal }: Exit) => (signal ? `signal ${signal}` : `exit code ${code}`);

/** The last output of a process without log lines, which have been shown already. */
function plainOutput({ lastOutput }: Exit): string {
  const lines = lastOutput.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  return lines.length > 0 ? `\n${lines.join('\n')}` : '';
}

/** Starts a service. Once it has been ready, it is restarted whenever it dies, until it is stopped. */
export function startService(options: ServiceOptions): Service {
  const { name, say } = options;
  let isStopping = false;
  let current = launch(options);

  const ready = current.readyOrExit.then((outcome) => {
    if ('port' in outcome) return outcome.port;
    if (isStopping) return 0;
    throw new Error(`The ${name} did not start (${describeExit(outcome)}).${plainOutput(outcome)}`);
  });

  // The caller learns of a failed start from `ready`.
  const supervised = ready.then(supervise, () => undefined);
  async function supervise(): Promise<void> {
    let backoffMs = INITIAL_BACKOFF_MS;
    for (;;) {
      const ended = await current.process.exited;
      if (isStopping) return;
      say(
        `The ${name} died (${describeExit(ended)}); starting it again in ${backoffMs / 1_000} s. Its log: ${options.logFile}`,
      );
      await sleep(backoffMs);
      if (isStopping) return;
      current = launch(options);
      const isReady = 'port' in (await current.readyOrExit);
      if (isReady && !isStopping) say(`The ${name} is running again.`);
      backoffMs = isReady ? INITIAL_BACKOFF_MS : Math.min(backoffMs * 2, MAX_BACKOFF_MS);
    }
  }

  return {
    ready,
    stop: async () => {
      isStopping = true;
      await stopProcess(current.process, 'SIGTERM', STOP_TIMEOUT_MS);
      await supervised;
    },
  };
}

/** `readyOrExit` resolves when the process reports that it is ready, or when it ends before. */
function launch(options: ServiceOptions): {
  process: LoggedProcess;
  readyOrExit: Promise<{ port: number } | Exit>;
} {
  const launched = startLogged(process.execPath, ['--import', 'tsx', options.script], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: options.env,
    logFile: options.logFile,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    onLine: (line) => showWarning(line, options),
  });
  const ready = new Promise<{ port: number }>((resolve) => {
    launched.child.on('message', (message: { port?: number }) => {
      resolve({ port: message.port ?? 0 });
    });
  });
  const timer = setTimeout(() => launched.child.kill('SIGKILL'), START_TIMEOUT_MS);
  const readyOrExit = Promise.race([ready, launched.exited]).finally(() => clearTimeout(timer));
  return { process: launched, readyOrExit };
}

const PINO_WARN = 40;

/** Shows warnings and errors in the terminal too. Everything else is in the log file only. */
function showWarning(line: string, { name, say }: ServiceOptions): void {
  if (!line.startsWith('{')) return;
  try {
    const entry = JSON.parse(line) as { level?: number; msg?: string; err?: { message?: string } };
    if ((entry.level ?? 0) < PINO_WARN) return;
    say(
      `${name}: ${entry.msg ?? ''}${entry.err?.message && entry.err.message !== entry.msg ? ` (${entry.err.message})` : ''}`,
    );
  } catch {
    // An incomplete line.
  }
}
