import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder } from '../../local/cache-folder.ts';

/** The version of the package that is installed. */
const VERSION = '4.32.5';

/**
 * Returns the command of Schemathesis. Installs it into the user's cache the first time, which takes half a minute.
 * @throws Error that says what is missing
 */
export function findSchemathesis(say: (text: string) => void): string {
  const folder = path.join(cacheFolder(), `schemathesis-${VERSION}`);
  const command = path.join(folder, 'bin', 'st');
  if (existsSync(path.join(folder, 'complete'))) return command;
  say(`Installing Schemathesis ${VERSION} from PyPI (half a minute, once) …`);
  mkdirSync(path.dirname(folder), { recursive: true });
  rmSync(folder, { recursive: true, force: true });
  run('python3', ['-m', 'venv', folder], 'The fuzz test needs Python 3.10 or newer, with its venv module');
  run(
    path.join(folder, 'bin', 'pip'),
    ['install', '--quiet', '--disable-pip-version-check', `schemathesis==${VERSION}`],
    'Schemathesis could not be installed',
  );
  // Written last, so that an interrupted installation is repeated.
  mkdirSync(`${folder}.tmp`, { recursive: true });
  renameSync(`${folder}.tmp`, path.join(folder, 'complete'));
  return command;
}

function run(command: string, args: string[], complaint: string): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${complaint}: ${error?.message ?? stderr}`);
}
