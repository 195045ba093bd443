import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Stack } from './stack.ts';

/** The pepper with which the APIs of tests hash API keys. */
export const API_KEY_PEPPER = 'p'.repeat(32);

/** Runs "npm run keys" against the database of a stack. Rejects with its output if it fails. */
export async function runKeys(
  { databaseUrl }: Pick<Stack, 'databaseUrl'>,
  ...args: string[]
): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, ['dist/api/keys-main.js', ...args], {
    env: { PATH: process.env['PATH'], DATABASE_URL: databaseUrl, API_KEY_PEPPER },
  });
}

/** Creates an API key with the command, like an operator. */
export async function makeKey(
  stack: Pick<Stack, 'databaseUrl'>,
  name: string,
  scopes: string,
  namespace = 'default',
): Promise<string> {
  const args = ['create', '--name', name, '--scopes', scopes, '--namespace', namespace];
  return (await runKeys(stack, ...args)).stdout.trim();
}
