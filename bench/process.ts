import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { startLogged, stopProcess } from '../local/processes.ts';

const STOP_TIMEOUT_MS = 40_000;

/** A process of the bench, ready for work. */
export interface BenchProcess {
  pid: number;
  /** Where it listens; 0 for one that does not. */
  port: number;
  stop: () => Promise<void>;
}

/**
 * Starts a Node process that tells its parent when it is ready, and resolves then. What it prints goes to a file without
 * passing through the bench, which would take a share of the processor.
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
