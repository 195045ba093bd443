import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cacheFolder } from '../../local/cache-folder.ts';

/** A program that tests need, and its Debian package. */
interface Wanted {
  program: string;
  package: string;
  /** The dependencies that a usual system lacks. */
  libraries?: RegExp;
}

/** How to run a program. */
export interface Program {
  command: string;
  /** The value of LD_LIBRARY_PATH; undefined if the system has its libraries. */
  libraries: string | undefined;
}

/**
 * Finds a program on PATH, or unpacks its Debian package into the user's cache folder, without being root.
 * @throws Error that says what is needed, if neither is possible
 */
export function findDebianProgram(wanted: Wanted): Program {
  const onPath = `${process.env['PATH'] ?? ''}${path.delimiter}/usr/sbin`
    .split(path.delimiter)
    .map((folder) => path.join(folder, wanted.program))
    .find(existsSync);
  if (onPath !== undefined) return { command: onPath, libraries: undefined };
  const cache = cacheFolder();
  const kept =
    existsSync(cache) && readdirSync(cache).find((name) => name.startsWith(`debian-${wanted.package}-`));
  const folder = kept ? path.join(cache, kept) : unpack(wanted, cache);
  const command = ['usr/bin', 'usr/sbin']
    .map((place) => path.join(folder, place, wanted.program))
    .find(existsSync);
  if (command === undefined) throw new Error(`Debian's package ${wanted.package} has no ${wanted.program}`);
  const libraries = path.join(folder, 'usr', 'lib');
  return {
    command,
    libraries:
      wanted.libraries &&
      readdirSync(libraries)
        .map((name) => path.join(libraries, name))
        .join(path.delimiter),
  };
}

/** Whether to download its dependencies as well. */
const DEPENDENCIES_ALONE = [
  '--recurse',
  ...['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map((kind) => `--no-${kind}`),
];

/** Downloads and unpacks packages, all of them or none. Returns their folder. */
function unpack(wanted: Wanted, cache: string): string {
  const temporary = mkdtempSync(path.join(os.tmpdir(), 'debian-'));
  const run = (command: string, ...args: string[]): string => {
    const { status, error, stdout, stderr } = spawnSync(command, args, { cwd: temporary, encoding: 'utf8' });
    if (status === 0) return stdout;
    throw new Error(
      `This test needs ${wanted.program}: install it so that it is on PATH, or run the test where "apt-get download ${wanted.package}" works (it may need an "apt-get update" first). Failed: ${command} ${args.join(' ')}: ${error?.message ?? stderr}`,
    );
  };
  try {
    const needed = wanted.libraries
      ? [
          ...new Set(
            [
              ...run('apt-cache', 'depends', ...DEPENDENCIES_ALONE, wanted.package).matchAll(
                /Depends: (\S+)/g,
              ),
            ]
              .map(([, name]) => name ?? '')
              .filter((name) => wanted.libraries?.test(name)),
          ),
        ]
      : [];
    run('apt-get', 'download', wanted.package, ...needed);
    const packages = readdirSync(temporary).filter((name) => name.endsWith('.deb'));
    mkdirSync(cache, { recursive: true });
    const unpacked = mkdtempSync(path.join(cache, 'unpacking-'));
    for (const name of packages) run('dpkg-deb', '-x', name, unpacked);
    const version =
      packages.find((name) => name.startsWith(`${wanted.package}_`))?.split('_')[1] ?? 'unknown';
    const folder = path.join(cache, `debian-${wanted.package}-${version}`);
    renameSync(unpacked, folder);
    return folder;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
