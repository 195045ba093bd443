import path from 'node:path';
import { Connection, type Client } from '@temporalio/client';
import pg from 'pg';
import { startLogged, stopProcess, type LoggedProcess } from '../../local/processes.ts';
import { fromRunner, TEMPLATE_DATABASE } from './environment.ts';
import { createPatientClient } from './patient-client.ts';
import { startPgBouncer } from './pgbouncer.ts';
import { startReceiver, type Receiver } from './receiver.ts';

/** An API or worker process, from the build, as in production. */
export interface ServiceProcess {
  process: LoggedProcess;
  url: string;
  stop: (signal?: NodeJS.Signals) => Promise<void>;
}

/** A database, a Temporal namespace and a target of its own, and processes that work on them. */
export interface Stack {
  receiver: Receiver;
  /** For looking at the tables. */
  db: pg.Pool;
  temporal: Client;
  databaseUrl: string;
  startApi: (env?: Record<string, string>) => Promise<ServiceProcess>;
  startWorker: (env?: Record<string, string>) => Promise<ServiceProcess>;
  stop: () => Promise<void>;
}

/** So many sessions a PgBouncer has for all processes of a stack. */
const POOL_SIZE = 10;

/** With this key the services of a stack encrypt the secrets of jobs, if they are not given another one. */
export const SECRET_KEYS = `test:${Buffer.alloc(32, 'k').toString('base64')}`;

/** Sets up a stack without processes. `name` is that of the test file: the runner has made a namespace for it. */
export async function createStack(name: string): Promise<Stack> {
  const { databaseUrl, dropDatabase } = await createTestDatabase(name, TEMPLATE_DATABASE);
  const db = new pg.Pool({ connectionString: databaseUrl, max: 4 });
  // The database is dropped by force, which may cut a connection that is just being closed.
  db.on('error', () => undefined);
  const connection = await Connection.connect({ address: fromRunner('temporalAddress') });
  const receiver = await startReceiver();
  const processes: ServiceProcess[] = [];
  // npm run test:pgbouncer has all processes go through one.
  const pooled = process.env['TEST_THROUGH_PGBOUNCER']
    ? await startPgBouncer({
        name: `stack-${name}`,
        databaseUrl,
        poolSize: POOL_SIZE,
        statementTimeoutMs: 10_000,
      })
    : undefined;
  let count = 0;

  const start = async (kind: 'api' | 'worker', env: Record<string, string>) => {
    const service = await startServiceProcess(
      kind,
      path.join(fromRunner('folder'), `${name}-${kind}-${++count}.log`),
      {
        DATABASE_URL: pooled?.url ?? databaseUrl,
        TEMPORAL_ADDRESS: fromRunner('temporalAddress'),
        TEMPORAL_NAMESPACE: name,
        HTTP_TARGET_ALLOW: '127.0.0.1',
        SECRET_KEYS,
        ...env,
      },
    );
    processes.push(service);
    return service;
  };

  return {
    receiver,
    db,
    temporal: createPatientClient(connection, name),
    databaseUrl,
    startApi: (env = {}) => start('api', env),
    startWorker: (env = {}) => start('worker', env),
    stop: async () => {
      await Promise.all(processes.map((service) => service.stop()));
      await receiver.stop();
      await pooled?.stop();
      await connection.close();
      await db.end();
      await dropDatabase();
    },
  };
}

/** Makes a database of its own for a test, as a copy of `template` or empty. */
export async function createTestDatabase(name: string, template = 'template0') {
  const database = `test_${name.replaceAll('-', '_')}_${process.pid}`;
  const asAdmin = async (statement: string) => {
    const client = new pg.Client({ connectionString: fromRunner('postgresUrl') });
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  await asAdmin(`CREATE DATABASE ${database} TEMPLATE ${template}`);
  const databaseUrl = new URL(fromRunner('postgresUrl'));
  databaseUrl.pathname = `/${database}`;
  return {
    databaseUrl: databaseUrl.href,
    dropDatabase: () => asAdmin(`DROP DATABASE ${database} WITH (FORCE)`),
  };
}

/** Starts an API or worker from dist/, and resolves when it is ready. @throws Error with its last words if it ends before */
export async function startServiceProcess(
  kind: 'api' | 'worker',
  logFile: string,
  env: Record<string, string>,
): Promise<ServiceProcess> {
  const service = startLogged(process.execPath, [`dist/${kind}/main.js`], {
    env: { PATH: process.env['PATH'], PORT: '0', WORKER_PORT: '0', ...env },
    logFile,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const ready = new Promise<{ port: number }>((resolve) => {
    service.child.once('message', (message) => resolve(message as { port: number }));
  });
  const result = await Promise.race([ready, service.exited]);
  if (!('port' in result)) throw new Error(`The ${kind} ended before it was ready: ${result.lastWords}`);
  // Of all addresses, take one.
  const host = env['HOST'] === undefined || env['HOST'] === '0.0.0.0' ? '127.0.0.1' : env['HOST'];
  return {
    process: service,
    url: `http://${host}:${result.port}`,
    stop: async (signal = 'SIGTERM') => void (await stopProcess(service, signal, 40_000)),
  };
}
