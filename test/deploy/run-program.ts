import { spawnSync } from 'node:child_process';

/**
 * Runs a program, and returns its output.
 * @throws Error with its output if it cannot be run, or exits with another code than 0
 */
export function runProgram(
  command: string,
  args: string[],
  options: { cwd?: string; input?: string; env?: NodeJS.ProcessEnv } = {},
): { stdout: string; stderr: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...options,
  });
  if (status === 0) return { stdout, stderr };
  const words = error?.message ?? `${stdout}\n${stderr}`.trim();
  throw new Error(`${[command, ...args].join(' ')}: ${words}`, { cause: error });
}
