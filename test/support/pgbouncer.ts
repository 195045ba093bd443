import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { findPort } from '../../local/ports.ts';
import { findOsUser } from '../../local/postgres.ts';
import { startLogged, stopProcess, type LoggedProcess } from '../../local/processes.ts';
import { findDebianProgram } from './debian-program.ts';
import { fromRunner } from './environment.ts';
import { waitForStart } from './wait-for-start.ts';

/** c-ares and libevent, whose names differ from one Debian to the next. */
const LIBRARIES = /^(libc-ares2|libcares2|libevent-2\.1-7\w*)$/;

/** Starts PgBouncer with a file of settings in this folder. @throws Error when there is none */
function launch(folder: string, settings: string, onLine?: (line: string) => void): LoggedProcess {
  const { command, libraries } = findDebianProgram({
    program: 'pgbouncer',
    package: 'pgbouncer',
    libraries: LIBRARIES,
  });
  // It will not run as root, and becomes another user once it has been loaded.
  const { user } = findOsUser();
  return startLogged(command, [...(user === undefined ? [] : ['-u', user]), settings], {
    logFile: path.join(folder, 'pgbouncer.log'),
    env: { PATH: process.env['PATH'], ...(libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries }) },
    ...(onLine === undefined ? {} : { onLine }),
  });
}

/** A PgBouncer in transaction mode. */
export interface PgBouncer {
  /** The connection string of the database behind it. */
  url: string;
  /** The same database without what sets a statement timeout. */
  urlWithoutTimeout: string;
  /** One of its tables: `SHOW POOLS`, `SHOW CLIENTS` … */
  show: (what: string) => Promise<Record<string, unknown>[]>;
  stop: () => Promise<void>;
}

/**
 * Starts a PgBouncer before a database of the test's Postgres, with the settings that docs/postgres.md names.
 * @throws Error when there is none, or with its last words if it does not start
 */
export async function startPgBouncer(options: {
  name: string;
  databaseUrl: string;
  poolSize: number;
  statementTimeoutMs: number;
}): Promise<PgBouncer> {
  const server = new URL(options.databaseUrl);
  const port = await findPort(0);
  const folder = path.join(fromRunner('folder'), `${options.name}-pgbouncer`);
  mkdirSync(folder);
  const database = server.pathname.slice(1);
  const place = `host=${server.hostname} port=${server.port} dbname=${database}`;
  const users = path.join(folder, 'users.txt');
  writeFileSync(users, `"${server.username}" "${server.password}"\n`);
  const settings = path.join(folder, 'pgbouncer.ini');
  writeFileSync(
    settings,
    `[databases]
${database} = ${place} connect_query='SET statement_timeout = ${options.statementTimeoutMs}'
without_timeout = ${place}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
admin_users = ${server.username}
pool_mode = transaction
default_pool_size = ${options.poolSize}
max_client_conn = 500
ignore_startup_parameters = statement_timeout
query_wait_timeout = 10
server_round_robin = 1
`,
  );
  const bouncer = launch(folder, settings);
  const urlOf = (name: string) => {
    const url = new URL(options.databaseUrl);
    url.port = String(port);
    url.pathname = `/${name}`;
    return url.href;
  };
  const show = async (what: string) => {
    const client = new pg.Client({ connectionString: urlOf('pgbouncer') });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(`SHOW ${what}`)).rows;
    } finally {
      await client.end();
    }
  };
  await waitForStart('PgBouncer', bouncer, async () => (await show('VERSION')).length > 0);
  return {
    url: urlOf(database),
    urlWithoutTimeout: urlOf('without_timeout'),
    show,
    // SIGTERM is its immediate shutdown.
    stop: async () => void (await stopProcess(bouncer, 'SIGTERM', 10_000)),
  };
}

/**
 * Starts PgBouncer with a file that a deployment uses, but for where it listens and finds its users, and ends it again.
 * @throws Error when there is none, or with its last words if it does not start or warns
 */
export async function checkPgBouncerFile(folder: string, file: string, port: number): Promise<void> {
  const users = path.join(folder, 'users.txt');
  const settings = path.join(folder, 'pgbouncer.ini');
  writeFileSync(users, '"scheduler" "password"\n');
  const text = readFileSync(file, 'utf8')
    .replace(/^listen_port = .*$/m, `listen_port = ${port}`)
    .replace(/^auth_file = .*$/m, `auth_file = ${users}\nunix_socket_dir =`);
  writeFileSync(settings, text);
  chmodSync(folder, 0o755);
  let isUp = false;
  const complaints: string[] = [];
  const bouncer = launch(folder, settings, (line) => {
    if (line.includes('process up')) isUp = true;
    if (/WARNING|ERROR|FATAL/.test(line)) complaints.push(line);
  });
  await waitForStart('PgBouncer', bouncer, () => isUp);
  await stopProcess(bouncer, 'SIGTERM', 10_000);
  if (complaints.length > 0) throw new Error(`PgBouncer: ${complaints.join('\n')}`);
}
