import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { GoProgram } from '../../local/go-program.ts';
import { findPort } from '../../local/ports.ts';
import { ensureDatabase, startPostgres } from '../../local/postgres.ts';
import { findTemporalBinary } from '../../local/temporal-binary.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServiceProcess } from '../support/stack.ts';
import { runScript, SERVER, SQL_TOOL, startCluster, type RunningCluster } from './temporal-cluster.ts';

const run = promisify(execFile);

const NAMESPACE = 'scheduler';
/** Not a superuser, as with a managed Postgres, and a password that needs quoting. Temporal allows everything but spaces. */
const ROLE = { name: 'temporal', password: `q"u'o#te:{{d}}\\%@/ü` };

/** How a check reports, and how it gets programs. */
export interface CheckTools {
  say: (text: string) => void;
  /** Returns the path of a program, which is built if it is missing. */
  obtain: (program: GoProgram) => Promise<string>;
}

/** The built service on a Temporal cluster with Postgres. */
export interface DeployedStack {
  server: string;
  cluster: RunningCluster;
  namespace: string;
  apiUrl: string;
  receiver: Receiver;
  /** For reading the tables of the service and the state of Postgres. */
  db: pg.Pool;
  stop: () => Promise<void>;
}

/**
 * Starts everything that a deployment has, with the shipped settings and scripts, each script twice. Reports the time of
 * each step. @throws Error that names the failed step, after everything has been stopped; the logs are kept
 */
export async function startDeployedStack(
  { say, obtain }: CheckTools,
  dynamicConfigFile: string,
): Promise<DeployedStack> {
  // Postgres may run as another user, who must be able to enter the folder.
  const folder = mkdtempSync(path.join(os.tmpdir(), 'scheduler-deploy-'));
  chmodSync(folder, 0o755);
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const stopOne of stops.reverse()) await stopOne();
    rmSync(folder, { recursive: true, force: true });
  };
  const timed = async <Result>(what: string, step: () => Promise<Result>): Promise<Result> => {
    const started = Date.now();
    const result = await step();
    say(`${what}: ${((Date.now() - started) / 1_000).toFixed(1)} s`);
    return result;
  };
  try {
    const server = await timed('temporal-server', () => obtain(SERVER));
    const sqlTool = await timed('temporal-sql-tool', () => obtain(SQL_TOOL));
    const cli = await findTemporalBinary(say);
    const postgres = await timed('Postgres starts', async () =>
      startPostgres({
        dataDir: path.join(folder, 'postgres'),
        port: await findPort(0),
        logFile: path.join(folder, 'postgres.log'),
        say,
      }),
    );
    stops.push(postgres.stop);
    await createRole(postgres.urlOf('postgres'));
    const sql = {
      SQL_HOST: '127.0.0.1',
      SQL_PORT: String(postgres.port),
      SQL_USER: ROLE.name,
      SQL_PASSWORD: ROLE.password,
    };
    await createOlderDatabase(sqlTool, sql);
    await timed('setup.sh', () => runScript('setup.sh', [sqlTool], sql));
    await timed('setup.sh again', () => runScript('setup.sh', [sqlTool], sql));
    const cluster = await timed('temporal-server starts', () =>
      startCluster({ binary: server, folder, env: sql, dynamicConfigFile }),
    );
    stops.push(() => timed('temporal-server stops', cluster.stop));
    const names = { TEMPORAL_ADDRESS: cluster.address, TEMPORAL_NAMESPACE: NAMESPACE };
    await timed('namespace.sh', () => runScript('namespace.sh', [cli], names));
    await timed('namespace.sh again', () => runScript('namespace.sh', [cli], names));

    await ensureDatabase(postgres, 'scheduler');
    const databaseUrl = postgres.urlOf('scheduler');
    await run(process.execPath, ['dist/db/main.js'], { env: { ...process.env, DATABASE_URL: databaseUrl } });
    const env = { DATABASE_URL: databaseUrl, HTTP_TARGET_ALLOW: '127.0.0.1', ...names };
    const start = async (kind: 'api' | 'worker') => {
      const service = await startServiceProcess(kind, path.join(folder, `${kind}.log`), env);
      stops.push(() => service.stop());
      return service;
    };
    const [api] = await timed('API and worker start', () => Promise.all([start('api'), start('worker')]));
    const receiver = await startReceiver();
    const db = new pg.Pool({ connectionString: databaseUrl, max: 2 });
    // Postgres closes the connection when it stops.
    db.on('error', () => undefined);
    stops.push(receiver.stop, () => db.end());
    return { server, cluster, namespace: NAMESPACE, apiUrl: api.url, receiver, db, stop };
  } catch (error) {
    for (const stopOne of stops.reverse()) await stopOne();
    throw new Error(`${error instanceof Error ? error.message : String(error)}\nThe logs are in ${folder}.`, {
      cause: error,
    });
  }
}

/** Creates one of the two databases with the schema of an earlier version of Temporal. setup.sh creates the other, and updates this one. */
async function createOlderDatabase(sqlTool: string, sql: NodeJS.ProcessEnv): Promise<void> {
  const env = { ...sql, SQL_PLUGIN: 'postgres12_pgx', SQL_DATABASE: 'temporal_visibility' };
  for (const args of [
    ['create-database'],
    ['setup-schema', '-v', '0.0'],
    ['update-schema', '--schema-name', 'postgresql/v12/visibility', '-v', '1.8'],
  ])
    await run(sqlTool, args, { env });
}

async function createRole(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { escapeIdentifier: name, escapeLiteral: text } = client;
  await client.query(
    `CREATE ROLE ${name.call(client, ROLE.name)} LOGIN CREATEDB PASSWORD ${text.call(client, ROLE.password)}`,
  );
  await client.end();
}
