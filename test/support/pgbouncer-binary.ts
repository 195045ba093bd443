import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** How PgBouncer is called. */
interface PgBouncerProgram {
  command: string;
  /** Where its libraries are, if the system has not installed them. */
  libraries: string | undefined;
}

/** What PgBouncer needs beyond a usual system: c-ares and libevent, whose names differ from one Debian to the next. */
const LIBRARIES = /^(libc-ares2|libcares2|libevent-2\.1-7\w*)$/;

/**
 * PgBouncer: the one on PATH, or that of Debian's package, unpacked into the user's cache folder without being root.
 * @throws Error that says what is needed, when neither can be had
 */
export function findPgBouncer(): PgBouncerProgram {
  const onPath = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .concat('/usr/sbin')
    .map((folder) => path.join(folder, 'pgbouncer'))
    .find(existsSync);
  if (onPath !== undefined) return { command: onPath, libraries: undefined };
  const cache = path.join(os.homedir(), '.cache', 'durable-job-scheduler');
  const kept = existsSync(cache) && readdirSync(cache).find((name) => name.startsWith('pgbouncer-'));
  const folder = kept ? path.join(cache, kept) : unpackPackages(cache);
  const libraries = path.join(folder, 'usr', 'lib');
  return {
    command: path.join(folder, 'usr', 'sbin', 'pgbouncer'),
    libraries: readdirSync(libraries)
      .map((name) => path.join(libraries, name))
      .join(path.delimiter),
  };
}

/** Downloads Debian's packages and returns the folder in which they lie unpacked, all of them or none. */
function unpackPackages(cache: string): string {
  const temporary = mkdtempSync(path.join(os.tmpdir(), 'pgbouncer-'));
  try {
    const depends = run('apt-cache', ['depends', 'pgbouncer'], temporary);
    const needed = [...depends.matchAll(/Depends: (\S+)/g)]
      .map(([, name]) => name as string)
      .filter((name) => LIBRARIES.test(name));
    run('apt-get', ['download', 'pgbouncer', ...needed], temporary);
    const packages = readdirSync(temporary).filter((name) => name.endsWith('.deb'));
    mkdirSync(cache, { recursive: true });
    const unpacked = mkdtempSync(path.join(cache, 'unpacking-'));
    for (const name of packages) run('dpkg-deb', ['-x', name, unpacked], temporary);
    const version = packages.find((name) => name.startsWith('pgbouncer_'))?.split('_')[1] ?? 'unknown';
    const folder = path.join(cache, `pgbouncer-${version}`);
    renameSync(unpacked, folder);
    return folder;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function run(command: string, args: string[], cwd: string): string {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(
    `This test needs PgBouncer: install it so that it is on PATH, or run the test where "apt-get download pgbouncer" works (it may need an "apt-get update" first). Failed: ${command} ${args.join(' ')}: ${error?.message ?? stderr}`,
  );
}
