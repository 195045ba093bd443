import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { findDataDir } from '../../../local/postgres.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { Cluster } from '../cluster.ts';
import { startFaultProxy } from '../fault-proxy.ts';
import type { Fault, FaultKinds } from '../fault.ts';
import { forgetSince } from '../lost-writes.ts';
import { copyRunning, markStandby } from '../postgres-copy.ts';

const run = promisify(execFile);

const STANDBY_TIMEOUT_MS = 60_000;
/** What is acknowledged at one instant was written somewhat earlier. */
const ACKNOWLEDGED_MS = 500;

/**
 * The primary is cut off by its network and killed; its streaming standby is promoted, and is found behind the same address.
 * With asynchronous commit, the standby lags behind by up to three seconds.
 */
const failOver =
  (isSynchronous: boolean): Fault =>
  async ({ cluster, random, caller }) => {
    const { postgres, members } = { ...cluster, members: [...cluster.apis, ...cluster.workers] };
    const stream = await startFaultProxy(postgres.port());
    const place = { dataDir: cluster.newPostgresDir(), port: await cluster.newPort() };
    const dataDir = await findDataDir(place.dataDir);
    await copyRunning(postgres, dataDir);
    markStandby(dataDir);
    const { username, password } = new URL(postgres.urlOf('postgres'));
    const source = `host=127.0.0.1 port=${stream.port} user=${username} password=${password}`;
    const standby = await postgres.startOther(place, [`primary_conninfo=${source}`]);
    let isPromoted = false;
    try {
      const wanted = isSynchronous ? 'sync' : 'async';
      await query(postgres.urlOf('postgres'), [
        `ALTER SYSTEM SET synchronous_standby_names = '${isSynchronous ? '*' : ''}'`,
        'SELECT pg_reload_conf()',
      ]);
      await waitFor(
        'the standby to follow',
        async () => {
          const [row] = await query<{ sync_state: string }>(postgres.urlOf('postgres'), [
            `SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'`,
          ]);
          return row?.sync_state === wanted;
        },
        STANDBY_TIMEOUT_MS,
      );
      await sleep(random.integer(500, 2_000));
      const lagMs = isSynchronous ? 0 : random.integer(0, 3_000);
      const startedAt = Date.now();
      if (!isSynchronous) stream.swallow();
      await sleep(lagMs);

      const old = postgres.dataDir();
      for (const { toPostgres } of members) toPostgres.swallow();
      cluster.toDb.cut();
      await postgres.kill();
      stream.cut();
      await query(standby.urlOf('postgres'), ['SELECT pg_promote(true, 30)']);
      isPromoted = true;
      postgres.replaceBy(place, standby);
      // The old connections stay silent, or break at last.
      const staysSilent = random.chance(0.7);
      for (const proxy of [...members.map(({ toPostgres }) => toPostgres), cluster.toDb]) {
        if (staysSilent) proxy.halfOpen('server');
        else proxy.cut();
        proxy.moveTo(place.port);
        proxy.restore();
      }
      const endedAt = Date.now();
      rmSync(old, { recursive: true, force: true });
      const losesSince = startedAt - ACKNOWLEDGED_MS;
      if (!isSynchronous) await forgetSince(caller, losesSince, endedAt);
      const connections = staysSilent ? 'old connections silent' : 'old connections broken';
      return {
        detail: `${isSynchronous ? '' : `${lagMs} ms behind, `}${connections}, ${endedAt - startedAt - lagMs} ms`,
        ...{ startedAt, endedAt },
        ...(isSynchronous ? {} : { effect: { losesSince } }),
      };
    } finally {
      if (!isPromoted) {
        // A primary without its standby would wait with every commit.
        await query(postgres.urlOf('postgres'), [
          'ALTER SYSTEM RESET synchronous_standby_names',
          'SELECT pg_reload_conf()',
        ]).catch(() => undefined);
        await standby.stop();
      }
      await stream.stop();
    }
  };

/** The database becomes what it was up to a minute ago. */
const restore: Fault = async ({ cluster, random, caller }) => {
  const { postgres } = cluster;
  const losesSince = Date.now() - ACKNOWLEDGED_MS;
  const place = { dataDir: cluster.newPostgresDir(), port: postgres.port() };
  await copyRunning(postgres, await findDataDir(place.dataDir));
  const ageMs = random.integer(5_000, 40_000);
  await sleep(ageMs);
  const startedAt = Date.now();
  const old = postgres.dataDir();
  await postgres.kill();
  postgres.replaceBy(place, await postgres.startOther(place));
  const endedAt = Date.now();
  rmSync(old, { recursive: true, force: true });
  await forgetSince(caller, losesSince, endedAt);
  return { detail: `to ${ageMs} ms before`, startedAt, endedAt, effect: { losesSince } };
};

/** The disk of Postgres is full for up to eight seconds. Postgres may end; then it is started when there is space again. */
const fillDisk: Fault = async ({ cluster, random }) => {
  const { postgres, disk } = cluster;
  const ballast = path.join(disk as string, 'ballast');
  const durationMs = random.integer(3_000, 8_000);
  const startedAt = Date.now();
  try {
    // It ends with an error when nothing more fits.
    await run('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=64k']).catch(() => undefined);
    // What is left of the current segment of the log is space, too.
    await query(postgres.urlOf('postgres'), ['SELECT pg_switch_wal()']).catch(() => undefined);
    await sleep(durationMs);
  } finally {
    rmSync(ballast, { force: true });
  }
  let hadEnded = false;
  await waitFor('Postgres to answer', async () => {
    hadEnded = (await postgres.restart()) || hadEnded;
    await query(postgres.urlOf('postgres'), ['SELECT 1']);
    return true;
  });
  return { detail: `${durationMs} ms, Postgres ${hadEnded ? 'ended' : 'went on'}`, startedAt };
};

/** Runs statements on a connection of its own, and returns the rows of the last one. */
async function query<Row extends pg.QueryResultRow>(url: string, statements: string[]): Promise<Row[]> {
  const client = new pg.Client({
    connectionString: url,
    ...{ connectionTimeoutMillis: 2_000, query_timeout: 40_000 },
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    let rows: Row[] = [];
    for (const statement of statements) ({ rows } = await client.query<Row>(statement));
    return rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

const EVERYTHING = ['API', 'workers', 'Postgres', 'Temporal', 'target'] as const;

/** Faults of the data of Postgres. */
export const POSTGRES_FAULTS: FaultKinds = {
  'Postgres fails over synchronously': { fault: failOver(true), times: 1, holds: [...EVERYTHING] },
  'Postgres fails over asynchronously': { fault: failOver(false), times: 1, holds: [...EVERYTHING] },
  'Postgres is restored': { fault: restore, times: 1, holds: [...EVERYTHING] },
  'disk of Postgres is full': {
    fault: fillDisk,
    times: 1,
    holds: ['Postgres'],
    unavailable: ({ disk }: Cluster) =>
      disk === undefined ? 'only root can mount a small file system for Postgres' : undefined,
  },
};
