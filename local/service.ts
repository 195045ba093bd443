import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startLogged, stopProcess, type Exit, type LoggedProcess } from './processes.ts';

const START_TIMEOUT_MS = 120_000;
/** The API and the worker let what is in flight end first; they bound that themselves, at 30 s. */
const STOP_TIMEOUT_MS = 35_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** An API or worker process that is started again when it dies. */
export interface Service {
  /** Resolves when it is ready for the first time; rejects with its last words if it never was. */
  ready: Promise<void>;
  stop: () => Promise<void>;
}

interface ServiceOptions {
  name: string;
  /** Relative to the root of the project. */
  script: string;
  env: NodeJS.ProcessEnv;
  logFile: string;
  say: (text: string) => void;
  /** Called with its port, each time it is ready. */
  onReady?: (port: number) => void;
}

/** Tells how a process ended: `exit code 1` or `signal SIGKILL`. */
const describeExit = ({ code, signal }: Exit) => (signal ? `signal ${signal}` : `exit code ${code}`);

/** What a process said that is no log line: those have been shown already. */
function plainWords({ lastWords }: Exit): string {
  const lines = lastWords.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  return lines.length > 0 ? `\n${lines.join('\n')}` : '';
}

/** Starts a service. Once it has been ready, it is started again whenever it dies, until it is stopped. */
export function startService(options: ServiceOptions): Service {
  const { name, say } = options;
  let stopping = false;
  let current = launch(options);

  const ready = current.readyOrExit.then((exit) => {
    if (exit && !stopping)
      throw new Error(`The ${name} did not start (${describeExit(exit)}).${plainWords(exit)}`);
  });

  // That it never was ready is said by `ready`.
  const supervised = ready.then(supervise, () => undefined);
  async function supervise(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      const ended = await current.process.exited;
      if (stopping) return;
      say(
        `The ${name} died (${describeExit(ended)}); starting it again in ${pauseMs / 1_000} s. Its log: ${options.logFile}`,
      );
      await sleep(pauseMs);
      if (stopping) return;
      current = launch(options);
      const failed = await current.readyOrExit;
      if (!failed && !stopping) say(`The ${name} is running again.`);
      pauseMs = failed ? Math.min(pauseMs * 2, LONGEST_PAUSE_MS) : FIRST_PAUSE_MS;
    }
  }

  return {
    ready,
    stop: async () => {
      stopping = true;
      await stopProcess(current.process, 'SIGTERM', STOP_TIMEOUT_MS);
      await supervised;
    },
  };
}

/** `readyOrExit` resolves with nothing once the process says that it is ready, or with how it ended. */
function launch(options: ServiceOptions): { process: LoggedProcess; readyOrExit: Promise<Exit | undefined> } {
  const process_ = startLogged(process.execPath, ['--import', 'tsx', options.script], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: options.env,
    logFile: options.logFile,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    onLine: (line) => sayIfSerious(line, options),
  });
  const ready = new Promise<undefined>((resolve) => {
    process_.child.on('message', (message: { port?: number }) => {
      options.onReady?.(message.port ?? 0);
      resolve(undefined);
    });
  });
  const timer = setTimeout(() => process_.child.kill('SIGKILL'), START_TIMEOUT_MS);
  const readyOrExit = Promise.race([ready, process_.exited]).finally(() => clearTimeout(timer));
  return { process: process_, readyOrExit };
}

const PINO_WARN = 40;

/** Warnings and errors are shown in the terminal as well; all the rest is in the log file. */
function sayIfSerious(line: string, { name, say }: ServiceOptions): void {
  if (!line.startsWith('{')) return;
  try {
    const entry = JSON.parse(line) as { level?: number; msg?: string; err?: { message?: string } };
    if ((entry.level ?? 0) < PINO_WARN) return;
    say(
      `${name}: ${entry.msg ?? ''}${entry.err?.message && entry.err.message !== entry.msg ? ` (${entry.err.message})` : ''}`,
    );
  } catch {
    // A line that was cut off.
  }
}
