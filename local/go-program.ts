import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder } from './cache-folder.ts';
import { startLogged } from './processes.ts';

const PROGRESS_MS = 30_000;
const SUFFIX = process.platform === 'win32' ? '.exe' : '';

/** A program that can be built from Go's public modules. */
export interface GoProgram {
  /** The package with its `main`, such as `github.com/temporalio/cli/cmd/temporal`. */
  package: string;
  version: string;
  /** File name of the built program. */
  program: string;
}

/** The path of a program in the user's cache folder, whether it exists or not. */
export function placeOf({ program, version }: Omit<GoProgram, 'package'>): string {
  return path.join(cacheFolder(), `${program}-${version}`, program + SUFFIX);
}

/**
 * The path of a program in the user's cache folder. Builds it with Go first if it is missing, and reports the progress to `say`.
 * @throws Error if Go is not installed, or with the last lines of its output if the build fails
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
  // Built in a temporary folder and moved in one step, so that an interrupted build leaves no broken program.
  const buildFolder = path.join(folder, `build-${process.pid}`);
  try {
    const build = startLogged('go', ['install', `${wanted.package}@${wanted.version}`], {
      logFile: path.join(folder, 'build.log'),
      env: { ...process.env, GOBIN: buildFolder, GOFLAGS: '' },
    });
    const exit = await build.exited;
    if (exit.code !== 0) throw new Error(`build: go install failed: ${exit.lastOutput}`);
    // Go names it after the folder of its package.
    const [built] = readdirSync(buildFolder);
    if (built === undefined) throw new Error(`build: ${wanted.package} is not a program`);
    renameSync(path.join(buildFolder, built), target);
    say(`… built in ${seconds()} s.`);
    return target;
  } finally {
    clearInterval(progress);
    rmSync(buildFolder, { recursive: true, force: true });
  }
}
