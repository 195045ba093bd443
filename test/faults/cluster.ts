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
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts';
import type { UnexpectedExit } from './log.ts';
import { startRecordingTarget, type RecordingTarget } from './recording-target.ts';
import { startKillablePostgres, startKillableTemporal, type KillableServer } from './servers.ts';
import { supervise, type SupervisedProcess } from './supervised-process.ts';

/** An API or worker, with its own proxies to both servers. */
export interface Member extends SupervisedProcess {
  toPostgres: FaultProxy;
  toTemporal: FaultProxy;
}

/** All processes of a run of the bench. */
export interface Cluster {
  apis: Member[];
  workers: Member[];
  postgres: KillableServer;
  temporal: KillableServer;
  /** Between all workers and the target. */
  toTarget: FaultProxy;
  target: RecordingTarget;
  /** The URL that jobs call: the target behind its proxy. */
  targetUrl: string;
  /** For reading the tables, without a proxy. */
  db: pg.Pool;
  /** For reading from Temporal, without a proxy. */
  temporalClient: Client;
  exits: UnexpectedExit[];
  stop: () => Promise<void>;
}

/** Below the ephemeral ports, because an outgoing connection could take the port of a process that is down. */
const FIRST_PORT = 20_000;
const LAST_PORT = 29_000;
const EACH = 2;

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
  const postgres = await startKillablePostgres(folder, await newPort(), say);
  stops.push(() => postgres.stop());
  const temporal = await startKillableTemporal(folder, await newPort(), binary);
  stops.push(() => temporal.stop());
  const databaseUrl = await prepareDatabase(postgres.server);

  const db = new pg.Pool({ connectionString: databaseUrl, max: 4, connectionTimeoutMillis: 2_000 });
  db.on('error', () => undefined);
  stops.push(() => db.end());
  const connection = Connection.lazy({ address: `127.0.0.1:${temporal.port}` });
  stops.push(() => connection.close());

  const target = await startRecordingTarget();
  stops.push(() => target.stop());
  const newProxy = async (port: number) => {
    const proxy = await startFaultProxy(port);
    stops.push(() => proxy.stop());
    return proxy;
  };
  const toTarget = await newProxy(target.port);
  const exits: UnexpectedExit[] = [];

  const startMember = async (kind: 'api' | 'worker', number: number): Promise<Member> => {
    const name = `${kind}-${number}`;
    const toPostgres = await newProxy(postgres.port);
    const toTemporal = await newProxy(temporal.port);
    const proxied = new URL(databaseUrl);
    proxied.port = String(toPostgres.port);
    const member = supervise({
      kind,
      name,
      port: await newPort(),
      logFile: path.join(folder, 'logs', `${name}.log`),
      env: {
        DATABASE_URL: proxied.href,
        TEMPORAL_ADDRESS: `127.0.0.1:${toTemporal.port}`,
        HTTP_TARGET_ALLOW: '127.0.0.1',
      },
      onExit: (detail) => void exits.push({ at: Date.now(), process: name, detail }),
    });
    stops.push(() => member.stop());
    return { ...member, toPostgres, toTemporal };
  };
  const numbers = Array.from({ length: EACH }, (_, index) => index + 1);
  const apis = await Promise.all(numbers.map((number) => startMember('api', number)));
  const workers = await Promise.all(numbers.map((number) => startMember('worker', number)));
  writeFileSync(path.join(folder, 'ports.json'), JSON.stringify(taken));
  return {
    apis,
    workers,
    postgres,
    temporal,
    toTarget,
    target,
    targetUrl: `http://127.0.0.1:${toTarget.port}`,
    db,
    temporalClient: new Client({ connection, namespace: 'default' }),
    exits,
    stop,
  };
}

async function prepareDatabase(postgres: Parameters<typeof ensureDatabase>[0]): Promise<string> {
  await ensureDatabase(postgres, 'scheduler');
  const url = postgres.urlOf('scheduler');
  // This makes no call to Temporal; the configuration requires an address.
  const config = readConfig({ DATABASE_URL: url, TEMPORAL_ADDRESS: '127.0.0.1:1' });
  const database = createDatabase(config, createLogger({ level: 'warn', name: 'faults' }), 'faults');
  await migrate(database);
  await database.destroy();
  return url;
}
