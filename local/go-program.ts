import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder } from './cache-folder.ts';
import { startLogged } from './processes.ts';

const PROGRESS_MS = 30_000;
const SUFFIX = process.platform === 'win32' ? '.exe' : '';

/** A program that is built from Go's public modules, at one version for ever. */
export interface GoProgram {
  /** The package with its `main`, such as `github.com/temporalio/cli/cmd/temporal`. */
  package: string;
  version: string;
  /** What it is called once it is built. */
  program: string;
}

/** Where a program of this version is kept in the user's cache folder, whether it is there or not. */
export function placeOf({ program, version }: Omit<GoProgram, 'package'>): string {
  return path.join(cacheFolder(), `${program}-${version}`, program + SUFFIX);
}

/**
 * The path of a program: the one kept in the user's cache folder, or one built there with Go, which says so.
 * @throws Error if Go is not installed, or with its last words if it can not build the program
 */
export async function buildWithGo(wanted: GoProgram, say: (text: string) => void): Promise<string> {
  const target = placeOf(wanted);
  if (existsSync(target)) return target;
  if (spawnSync('go', ['version']).status !== 0) throw new Error('build: Go is not installed');
  const folder = path.dirname(target);
  mkdirSync(folder, { recursive: true });
  say(`Building ${wanted.program} ${wanted.version} with Go (minutes on two cores, once) …`);
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1_000);
  const progress = setInterval(() => say(`… still building, ${seconds()} s`), PROGRESS_MS);
  // Built aside and moved in one step: a build that was broken off leaves nothing that looks whole.
  const aside = path.join(folder, `build-${process.pid}`);
  try {
    const build = startLogged('go', ['install', `${wanted.package}@${wanted.version}`], {
      logFile: path.join(folder, 'build.log'),
      env: { ...process.env, GOBIN: aside, GOFLAGS: '' },
    });
    const exit = await build.exited;
    if (exit.code !== 0) throw new Error(`build: go install failed: ${exit.lastWords}`);
    // Go calls it after the folder of its package, which need not be its name.
    const [built] = readdirSync(aside);
    if (built === undefined) throw new Error(`build: ${wanted.package} is no program`);
    renameSync(path.join(aside, built), target);
    say(`… built in ${seconds()} s.`);
    return target;
  } finally {
    clearInterval(progress);
    rmSync(aside, { recursive: true, force: true });
  }
}
