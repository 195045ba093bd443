import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { startLogged, stopProcess } from '../local/processes.ts';

const STOP_TIMEOUT_MS = 40_000;

/** A started process of the bench. */
export interface BenchProcess {
  pid: number;
  /** The port on which it listens; 0 if it does not listen. */
  port: number;
  stop: () => Promise<void>;
}

/**
 * Starts a Node process, and resolves when it says that it is ready. Its output goes directly to a file, because passing it
 * through the bench would take CPU time.
 * @throws Error with the end of its log if it ends before
 */
export async function startProcess(
  name: string,
  args: string[],
  folder: string,
  env: NodeJS.ProcessEnv = {},
): Promise<BenchProcess> {
  const logFile = path.join(folder, `${name}.log`);
  const log = openSync(logFile, 'a');
  const started = startLogged(process.execPath, args, {
    env: { PATH: process.env['PATH'], ...env },
    logFile,
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const ready = new Promise<{ port?: number }>((resolve) => {
    started.child.once('message', (message) => resolve(message as { port?: number }));
  });
  const result = await Promise.race([ready, started.exited]);
  if ('code' in result)
    throw new Error(`${name} ended before it was ready:\n${readFileSync(logFile, 'utf8').slice(-2_000)}`);
  return {
    pid: started.child.pid ?? 0,
    port: result.port ?? 0,
    stop: async () => void (await stopProcess(started, 'SIGTERM', STOP_TIMEOUT_MS)),
  };
}
