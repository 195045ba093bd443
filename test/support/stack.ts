import path from 'node:path';
import { Connection, type Client } from '@temporalio/client';
import pg from 'pg';
import { startLogged, stopProcess, type LoggedProcess } from '../../local/processes.ts';
import { fromRunner, TEMPLATE_DATABASE } from './environment.ts';
import { createPatientClient } from './patient-client.ts';
import { startPgBouncer } from './pgbouncer.ts';
import { startReceiver, type Receiver } from './receiver.ts';

/** An API or worker process, from dist/ as in production. */
export interface ServiceProcess {
  process: LoggedProcess;
  url: string;
  stop: (signal?: NodeJS.Signals) => Promise<void>;
}

/** A database, a Temporal namespace, a target, and the processes that use them. */
export interface Stack {
  receiver: Receiver;
  /** For reading and changing the tables. */
  db: pg.Pool;
  temporal: Client;
  databaseUrl: string;
  startApi: (env?: Record<string, string>) => Promise<ServiceProcess>;
  startWorker: (env?: Record<string, string>) => Promise<ServiceProcess>;
  stop: () => Promise<void>;
}

/** The number of sessions of a PgBouncer for all processes of a stack. */
const POOL_SIZE = 10;

/** The default SECRET_KEYS of the processes of a stack. */
export const SECRET_KEYS = `test:${Buffer.alloc(32, 'k').toString('base64')}`;

/** Creates a stack without processes. `name` is that of the test file, for which the runner has created a namespace. */
export async function createStack(name: string): Promise<Stack> {
  const { databaseUrl, dropDatabase } = await createTestDatabase(name, TEMPLATE_DATABASE);
  const db = new pg.Pool({ connectionString: databaseUrl, max: 4 });
  // Dropping the database by force may break a connection that is being closed.
  db.on('error', () => undefined);
  const connection = await Connection.connect({ address: fromRunner('temporalAddress') });
  const receiver = await startReceiver();
  const processes: ServiceProcess[] = [];
  // With npm run test:pgbouncer, all processes connect through PgBouncer.
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

/** Creates a database for a test, as a copy of `template` or empty. */
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

/** Starts an API or worker from dist/. Resolves when it is ready. @throws Error with its last output if it ends before */
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
  if (!('port' in result)) throw new Error(`The ${kind} ended before it was ready: ${result.lastOutput}`);
  // 0.0.0.0 is no address to connect to.
  const host = env['HOST'] === undefined || env['HOST'] === '0.0.0.0' ? '127.0.0.1' : env['HOST'];
  return {
    process: service,
    url: `http://${host}:${result.port}`,
    stop: async (signal = 'SIGTERM') => void (await stopProcess(service, signal, 40_000)),
  };
}
