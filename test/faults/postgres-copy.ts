import { execFile } from 'node:child_process';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { findOsUser } from '../../local/postgres.ts';
import type { KillablePostgres } from './servers.ts';

const run = promisify(execFile);

/**
 * Copies the files of a Postgres that runs, as pg_basebackup does, which the embedded Postgres lacks. The copy can be started
 * by itself: it then has what was committed before the end of the copying.
 */
export async function copyRunning(postgres: KillablePostgres, to: string): Promise<void> {
  const from = postgres.dataDir();
  mkdirSync(to, { recursive: true, mode: 0o700 });
  const { uid, gid } = findOsUser();
  const own = (file: string) =>
    uid === undefined || gid === undefined ? undefined : chownSync(file, uid, gid);
  own(to);
  const client = new pg.Client({ connectionString: postgres.urlOf('postgres') });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(`SELECT pg_backup_start('fault bench', true)`);
    await copyFolder(from, to, ['./pg_wal/*', './postmaster.*']);
    const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
    await copyFolder(path.join(from, 'pg_wal'), path.join(to, 'pg_wal'), []);
    const label = path.join(to, 'backup_label');
    writeFileSync(label, rows[0]?.labelfile ?? '');
    own(label);
  } finally {
    await client.end();
  }
}

/** Files that change or vanish meanwhile are no error here: Postgres puts them right by its log. */
async function copyFolder(from: string, to: string, excluded: string[]): Promise<void> {
  const options = excluded.map((pattern) => `--exclude='${pattern}'`).join(' ');
  await run('sh', [
    '-c',
    `tar -C '${from}' ${options} --warning=no-file-changed --warning=no-file-removed -cf - . | tar -C '${to}' -xf -`,
  ]);
}

/** Makes a copy a standby: it follows its primary until it is promoted. */
export function markStandby(dataDir: string): void {
  writeFileSync(path.join(dataDir, 'standby.signal'), '');
}
