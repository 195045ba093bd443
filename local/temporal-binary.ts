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
import os from 'node:os';
import path from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { startLogged } from './processes.ts';

/** The version of Temporal's CLI that holds the server 1.29.1, on which this service was measured. */
const CLI_VERSION = 'v1.5.1';
const EXECUTABLE = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

/**
 * The path of Temporal's CLI, which holds the development server: the one on PATH, or one kept in the user's cache
 * folder, or a download, or one built with Go; whichever comes first. Says what takes long.
 * @throws Error with the ways out, if none of these works
 */
export async function findTemporalBinary(say: (text: string) => void): Promise<string> {
  const onPath = findOnPath();
  if (onPath) return onPath;
  const folder = path.join(cacheFolder(), 'durable-job-scheduler', `temporal-${CLI_VERSION}`);
  const cached = path.join(folder, EXECUTABLE);
  if (existsSync(cached)) return cached;
  mkdirSync(folder, { recursive: true });
  const failures: string[] = [];
  for (const obtain of [download, buildWithGo]) {
    try {
      await obtain(folder, cached, say);
      return cached;
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(
    [
      'There is no Temporal server to start. Three ways out:',
      '  - install the Temporal CLI, so that "temporal" is on PATH (https://docs.temporal.io/cli), or',
      '  - install Go, with which it is built once, or',
      '  - set TEMPORAL_ADDRESS to a Temporal server that runs elsewhere.',
      'What was tried:',
      ...failures.map((failure) => `  - ${failure}`),
    ].join('\n'),
  );
}

function findOnPath(): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const candidate = path.join(folder, EXECUTABLE);
    try {
      accessSync(candidate, constants.X_OK);
      if (spawnSync(candidate, ['--version']).status === 0) return candidate;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

function cacheFolder(): string {
  if (process.env['XDG_CACHE_HOME']) return process.env['XDG_CACHE_HOME'];
  if (process.platform === 'darwin') return path.join(os.homedir(), 'Library', 'Caches');
  if (process.platform === 'win32' && process.env['LOCALAPPDATA']) return process.env['LOCALAPPDATA'];
  return path.join(os.homedir(), '.cache');
}

/** Temporal's testing package downloads the CLI as a side effect of starting it; the file is what is wanted here. */
async function download(folder: string, target: string, say: (text: string) => void): Promise<void> {
  say('Downloading the Temporal development server (about 100 MB, once) …');
  const downloadDir = path.join(folder, 'download');
  mkdirSync(downloadDir, { recursive: true });
  try {
    const environment = await TestWorkflowEnvironment.createLocal({
      server: { executable: { type: 'cached-download', version: CLI_VERSION, downloadDir } },
    });
    await environment.teardown();
    const file = readdirSync(downloadDir).find((name) => name.startsWith('temporal'));
    if (!file) throw new Error('the download left no file');
    renameSync(path.join(downloadDir, file), target);
    chmodSync(target, 0o755);
  } catch (error) {
    const reason =
      error instanceof Error ? (error.message.split(': ').pop() ?? error.message) : String(error);
    say(`… it can not be downloaded here (${reason}).`);
    throw new Error(`download: ${reason}`, { cause: error });
  } finally {
    rmSync(downloadDir, { recursive: true, force: true });
  }
}

async function buildWithGo(folder: string, target: string, say: (text: string) => void): Promise<void> {
  if (spawnSync('go', ['version']).status !== 0) throw new Error('build: Go is not installed');
  say('Building the Temporal development server with Go (three to five minutes on two cores, once) …');
  const started = Date.now();
  const progress = setInterval(
    () => say(`… still building, ${Math.round((Date.now() - started) / 1_000)} s`),
    30_000,
  );
  try {
    // Built aside and moved in one step: a build that was broken off leaves nothing that looks whole.
    const bin = path.join(folder, `build-${process.pid}`);
    const build = startLogged('go', ['install', `github.com/temporalio/cli/cmd/temporal@${CLI_VERSION}`], {
      logFile: path.join(folder, 'build.log'),
      env: { ...process.env, GOBIN: bin, GOFLAGS: '' },
    });
    const exit = await build.exited;
    if (exit.code !== 0) throw new Error(`build: go install failed: ${exit.lastWords}`);
    renameSync(path.join(bin, EXECUTABLE), target);
    rmSync(bin, { recursive: true, force: true });
    say(`… built in ${Math.round((Date.now() - started) / 1_000)} s.`);
  } finally {
    clearInterval(progress);
  }
}
