import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a process ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The last lines of its output. */
  lastOutput: string;
}

/** A process whose output goes to a log file. */
export interface LoggedProcess {
  child: ChildProcess;
  exited: Promise<Exit>;
}

const LAST_LINES = 8;

/** Starts a process and appends its output to `logFile`; `onLine` gets each line too. */
export function startLogged(
  command: string,
  args: string[],
  options: SpawnOptions & { logFile: string; onLine?: (line: string) => void },
): LoggedProcess {
  const { logFile, onLine, ...spawnOptions } = options;
  mkdirSync(path.dirname(logFile), { recursive: true });
  const log = createWriteStream(logFile, { flags: 'a' });
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...spawnOptions });
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream?.setEncoding('utf8').on('data', (text: string) => {
      log.write(text);
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        last.push(line);
        if (last.length > LAST_LINES) last.shift();
        onLine?.(line);
      }
    });
  }
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, lastOutput: error.message }));
    child.once('close', (code, signal) => {
      log.end();
      resolve({ code, signal, lastOutput: last.join('\n') });
    });
  });
  return { child, exited };
}

/** Stops a process with a signal, or with SIGKILL after `timeoutMs`. */
export async function stopProcess(
  process: LoggedProcess,
  signal: NodeJS.Signals,
  timeoutMs: number,
): Promise<Exit> {
  if (process.child.exitCode === null && process.child.signalCode === null) process.child.kill(signal);
  const timer = setTimeout(() => process.child.kill('SIGKILL'), timeoutMs);
  try {
    return await process.exited;
  } finally {
    clearTimeout(timer);
  }
}

/** Tells whether there is a process with this id, of any user. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Stops a process left over from an earlier `npm start`. Only if its command line contains `mark`, because its id may belong to
 * another process by now.
 */
export async function stopLeftover(pid: number, mark: string, signal: NodeJS.Signals): Promise<void> {
  if (!isAlive(pid)) return;
  const { stdout } = spawnSync('ps', ['-p', String(pid), '-o', 'args='], { encoding: 'utf8' });
  if (!stdout?.includes(mark)) return;
  process.kill(pid, signal);
  for (let waited = 0; isAlive(pid) && waited < 10_000; waited += 100) await sleep(100);
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
}
