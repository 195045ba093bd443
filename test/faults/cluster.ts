import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { createDatabase } from '../../db/database.ts';
import { migrate } from '../../db/migrate.ts';
import { findPort } from '../../local/ports.ts';
import { ensureDatabase } from '../../local/postgres.ts';
import { findTemporalBinary } from '../../local/temporal-binary.ts';
import { readConfig } from '../../platform/config.ts';
import { createLogger } from '../../platform/logger.ts';
import type { Random } from '../support/random.ts';
import { startFaultProxy, type FaultProxy, type Tap } from './fault-proxy.ts';
import type { UnexpectedExit } from './log.ts';
import { startRecordingTarget, type RecordingTarget } from './recording-target.ts';
import { mountSmallDisk } from './small-disk.ts';
import {
  startKillablePostgres,
  startKillableTemporal,
  type KillablePostgres,
  type KillableTemporal,
} from './servers.ts';
import { supervise, type SupervisedProcess } from './supervised-process.ts';
import { startUserWorker, type UserWorker } from './user-target/start-user-worker.ts';
import { watchTransactions, type TransactionWatch } from './transactions.ts';

/** An API or worker, with its own proxies to both servers. */
export interface Member extends SupervisedProcess {
  toPostgres: FaultProxy;
  toTemporal: FaultProxy;
  /** kill -9 as if its host had vanished: the servers keep their sides of its connections, and hear nothing more. */
  vanish: () => void;
}

/** All processes of a run of the bench. */
export interface Cluster {
  apis: Member[];
  workers: Member[];
  postgres: KillablePostgres;
  temporal: KillableTemporal;
  transactions: TransactionWatch;
  /** A small file system with the data of Postgres; undefined if none can be mounted. */
  disk: string | undefined;
  /** The data folder of a further Postgres. */
  newPostgresDir: () => string;
  newPort: () => Promise<number>;
  /** Between all workers and the target. */
  toTarget: FaultProxy;
  target: RecordingTarget;
  /** The URL that jobs call: the target behind its proxy. */
  targetUrl: string;
  /** For the jobs whose target is a workflow or an activity. */
  userWorker: UserWorker;
  /** For reading the tables, through a proxy that only follows the server when it moves. */
  db: pg.Pool;
  toDb: FaultProxy;
  /** For reading from Temporal, without a proxy. */
  temporalClient: Client;
  exits: UnexpectedExit[];
  stop: () => Promise<void>;
}

/** Below the ephemeral ports, because an outgoing connection could take the port of a process that is down. */
const FIRST_PORT = 20_000;
const LAST_PORT = 29_000;
const EACH = 2;
/** More often than in production, so that the sweep heals within the time for a recovery. */
const SWEEP_INTERVAL_SECONDS = 10;

/** Brings up the servers, and two APIs and two workers from `dist/`. All data and logs go to `folder`. */
export async function startCluster(
  folder: string,
  random: Random,
  say: (text: string) => void,
): Promise<Cluster> {
  mkdirSync(path.join(folder, 'logs'), { recursive: true });
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const step of stops.splice(0).reverse()) await step().catch((error: unknown) => say(String(error)));
  };
  try {
    return await bringUp(folder, random, say, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function bringUp(
  folder: string,
  random: Random,
  say: (text: string) => void,
  stops: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<Cluster> {
  const taken: number[] = [];
  const newPort = async () => {
    const port = await findPort(random.integer(FIRST_PORT, LAST_PORT), taken);
    taken.push(port);
    return port;
  };
  const binary = await findTemporalBinary(say);
  const postgresFolder = path.join(folder, 'postgres');
  const mounted = mountSmallDisk(postgresFolder);
  stops.push(async () => mounted?.unmount());
  let postgresServers = 0;
  const newPostgresDir = () => path.join(postgresFolder, String(++postgresServers), 'data');
  const place = { dataDir: newPostgresDir(), port: await newPort() };
  const postgres = await startKillablePostgres(folder, place, say);
  stops.push(() => postgres.stop());
  const temporal = await startKillableTemporal(folder, await newPort(), binary);
  stops.push(() => temporal.stop());
  const databaseUrl = await prepareDatabase(postgres);

  const newProxy = async (port: number, tap?: () => Tap) => {
    const proxy = await startFaultProxy(port, tap);
    stops.push(() => proxy.stop());
    return proxy;
  };
  const toDb = await newProxy(postgres.port());
  const db = new pg.Pool({
    connectionString: behind(databaseUrl, toDb),
    ...{ max: 4, connectionTimeoutMillis: 2_000, query_timeout: 10_000 },
  });
  db.on('error', () => undefined);
  stops.push(() => db.end());
  const connection = Connection.lazy({ address: `127.0.0.1:${temporal.port()}` });
  stops.push(() => connection.close());

  const target = await startRecordingTarget();
  stops.push(() => target.stop());
  const toTarget = await newProxy(target.port);
  const exits: UnexpectedExit[] = [];
  const transactions = watchTransactions();

  const startMember = async (kind: 'api' | 'worker', number: number): Promise<Member> => {
    const name = `${kind}-${number}`;
    // The member exists before it opens its first connection.
    const die = { now: () => true };
    const toPostgres = await newProxy(
      postgres.port(),
      transactions.tapOf(name, () => die.now()),
    );
    const toTemporal = await newProxy(temporal.port());
    const member = supervise({
      kind,
      name,
      port: await newPort(),
      logFile: path.join(folder, 'logs', `${name}.log`),
      env: {
        DATABASE_URL: behind(databaseUrl, toPostgres),
        TEMPORAL_ADDRESS: `127.0.0.1:${toTemporal.port}`,
        HTTP_TARGET_ALLOW: '127.0.0.1',
        SWEEP_INTERVAL_SECONDS: String(SWEEP_INTERVAL_SECONDS),
      },
      onExit: (detail) => void exits.push({ at: Date.now(), process: name, detail }),
    });
    stops.push(() => member.stop());
    const vanish = () => {
      member.kill();
      // Nothing that it has sent last is read any more.
      for (const proxy of [toPostgres, toTemporal]) proxy.halfOpen('process');
    };
    die.now = () => dieIn(member, vanish, random);
    return { ...member, toPostgres, toTemporal, vanish };
  };
  const numbers = Array.from({ length: EACH }, (_, index) => index + 1);
  const apis = await Promise.all(numbers.map((number) => startMember('api', number)));
  const workers = await Promise.all(numbers.map((number) => startMember('worker', number)));
  const userWorker = startUserWorker(
    `127.0.0.1:${temporal.port()}`,
    path.join(folder, 'logs', 'user-worker.log'),
  );
  stops.push(() => userWorker.stop());
  writeFileSync(path.join(folder, 'ports.json'), JSON.stringify(taken));
  return {
    apis,
    workers,
    postgres,
    temporal,
    ...{ transactions, newPort, newPostgresDir, disk: mounted && postgresFolder },
    toTarget,
    target,
    targetUrl: `http://127.0.0.1:${toTarget.port}`,
    userWorker,
    ...{ db, toDb },
    temporalClient: new Client({ connection, namespace: 'default' }),
    exits,
    stop,
  };
}

/** The process dies, with or without a word to the servers. Returns whether its last message arrives. */
function dieIn(member: SupervisedProcess, vanish: () => void, random: Random): boolean {
  if (random.chance(0.5)) member.kill();
  // Only after its last message.
  else queueMicrotask(vanish);
  return random.chance(0.7);
}

function behind(databaseUrl: string, proxy: FaultProxy): string {
  const url = new URL(databaseUrl);
  url.port = String(proxy.port);
  return url.href;
}

async function prepareDatabase(postgres: KillablePostgres): Promise<string> {
  await ensureDatabase(postgres, 'scheduler');
  const url = postgres.urlOf('scheduler');
  // This makes no call to Temporal; the configuration requires an address.
  const config = readConfig({ DATABASE_URL: url, TEMPORAL_ADDRESS: '127.0.0.1:1' });
  const database = createDatabase(config, createLogger({ level: 'warn', name: 'faults' }), 'faults');
  await migrate(database);
  await database.destroy();
  return url;
}
