import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { buildWithGo, placeOf } from './go-program.ts';

/** The version of Temporal's CLI with server 1.29.1, with which this service is tested and measured. */
const CLI = { package: 'github.com/temporalio/cli/cmd/temporal', version: 'v1.5.1', program: 'temporal' };

/**
 * The path of Temporal's CLI, which contains the development server: from PATH, from the user's cache folder, downloaded, or
 * built with Go, in this order. Reports slow steps to `say`.
 * @throws Error with the alternatives, if none of these works
 */
export async function findTemporalBinary(say: (text: string) => void): Promise<string> {
  const onPath = findOnPath();
  if (onPath) return onPath;
  const cached = placeOf(CLI);
  if (existsSync(cached)) return cached;
  const failures: string[] = [];
  for (const obtain of [() => download(cached, say), () => buildWithGo(CLI, say)]) {
    try {
      return await obtain();
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(
    [
      'There is no Temporal server to start. Do one of these:',
      '  - install the Temporal CLI, so that "temporal" is on PATH (https://docs.temporal.io/cli), or',
      '  - install Go, so that the server can be built once, or',
      '  - set TEMPORAL_ADDRESS to a Temporal server that runs elsewhere.',
      'These attempts failed:',
      ...failures.map((failure) => `  - ${failure}`),
    ].join('\n'),
  );
}

function findOnPath(): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const candidate = path.join(folder, path.basename(placeOf(CLI)));
    try {
      accessSync(candidate, constants.X_OK);
      if (spawnSync(candidate, ['--version']).status === 0) return candidate;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** Downloads the CLI by starting it once with Temporal's testing package, which has no other way to download it. */
async function download(target: string, say: (text: string) => void): Promise<string> {
  say('Downloading the Temporal development server (about 100 MB, once) …');
  const downloadDir = path.join(path.dirname(target), 'download');
  mkdirSync(downloadDir, { recursive: true });
  try {
    const environment = await TestWorkflowEnvironment.createLocal({
      server: { executable: { type: 'cached-download', version: CLI.version, downloadDir } },
    });
    await environment.teardown();
    const file = readdirSync(downloadDir).find((name) => name.startsWith('temporal'));
    if (!file) throw new Error('the download left no file');
    renameSync(path.join(downloadDir, file), target);
    chmodSync(target, 0o755);
    return target;
  } catch (error) {
    const reason =
      error instanceof Error ? (error.message.split(': ').pop() ?? error.message) : String(error);
    say(`… the download failed (${reason}).`);
    throw new Error(`download: ${reason}`, { cause: error });
  } finally {
    rmSync(downloadDir, { recursive: true, force: true });
  }
}
