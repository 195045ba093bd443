import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { createDatabase } from '../../db/database.ts';
import { migrate } from '../../db/migrate.ts';
import type { Run } from '../../domain/run/run.ts';
import { readConfig } from '../../platform/config.ts';
import { createLogger } from '../../platform/logger.ts';
import { apiClient, request } from '../support/client.ts';
import { fromRunner } from '../support/environment.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { startReplicatedPostgres, type ReplicatedPostgres } from '../support/replica.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

const BY_REPLICA = 'lists are answered by the replica';
const BY_PRIMARY = 'lists are answered by the primary';

let stack: Stack;
let postgres: ReplicatedPostgres;
let proxy: Proxy;
let env: Record<string, string>;
let service: ServiceProcess;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  [stack, postgres] = await Promise.all([
    createStack('read-replica'),
    startReplicatedPostgres('read-replica'),
  ]);
  // As in a deployment: a role without rights on the server.
  const admin = new pg.Client({ connectionString: postgres.primary.urlOf('postgres') });
  await admin.connect();
  await admin.query("CREATE ROLE scheduler LOGIN PASSWORD 'secret'");
  await admin.query('CREATE DATABASE scheduler OWNER scheduler');
  await admin.end();
  const urlOf = (port: number) => `postgres://scheduler:secret@127.0.0.1:${port}/scheduler`;
  proxy = await startProxy(Number(new URL(postgres.replicaUrlOf('scheduler')).port));
  env = { DATABASE_URL: urlOf(postgres.primary.port), DATABASE_READ_URL: urlOf(proxy.port) };
  const config = readConfig({ ...env, TEMPORAL_ADDRESS: fromRunner('temporalAddress') });
  const db = createDatabase(config, createLogger({ level: 'warn', name: 'test' }), 'test');
  await migrate(db);
  await db.destroy();
  service = await stack.startApi(env);
  api = apiClient(service.url);
  await waitFor('the replica to be used', isUsed);
});
afterAll(async () => {
  await stack.stop();
  await proxy?.stop();
  await postgres?.stop();
});

const job = (name: string) => ({
  name,
  schedule: { at: '2090-01-01T00:00:00Z' },
  target: { type: 'http', url: 'https://example.com/' },
});

/** The lines of an API's log whose message begins so. */
const linesOf = (message: string, file = 'read-replica-api-1.log') =>
  readFileSync(path.join(fromRunner('folder'), file), 'utf8')
    .split('\n')
    .filter((line) => line.includes(`"msg":"${message}`));

const isUsed = () => linesOf('lists are answered by').at(-1)?.includes(BY_REPLICA) === true;

/** Runs a query on the replica. */
async function askReplica(query: string): Promise<Record<string, unknown> | undefined> {
  const client = new pg.Client({ connectionString: postgres.replicaUrlOf('scheduler') });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(query)).rows[0];
  } finally {
    await client.end();
  }
}
async function pauseReplay(): Promise<void> {
  await askReplica('SELECT pg_wal_replay_pause()');
  await waitFor('the replay to be paused', async () => {
    const answer = await askReplica(`SELECT pg_get_wal_replay_pause_state() = 'paused' AS is_paused`);
    return answer?.['is_paused'] === true;
  });
}
const resumeReplay = () => askReplica('SELECT pg_wal_replay_resume()');

const namesOf = async () => (await api.listJobs('?limit=200')).items.map(({ name }) => name);
const runIds = async (url: string) =>
  (await request<{ items: Run[] }>(`${service.url}${url}`)).body.items.map(({ id }) => id);

test('lists are read from the replica, everything else from the primary', async () => {
  const old = await api.createJob(job('old'));
  await waitFor('the replica to hold it', async () => (await namesOf()).includes('old'));
  let attempt = 0;
  // A replica that lags for too long is not used any more, so a slow machine may take several attempts.
  await waitFor('all reads to finish before the replica lags too far', async () => {
    await waitFor('the replica to be used', isUsed);
    const name = `new ${++attempt}`;
    await pauseReplay();
    try {
      const [made, run, changed] = await Promise.all([
        api.createJob(job(name)),
        api.runJob(old.id),
        api.patchJob(old.id, { labels: { attempt: String(attempt) } }),
      ]);
      const [names, all, ofOld, revisions, revisionsOfNew, runsOfNew] = await Promise.all([
        namesOf(),
        runIds('/runs'),
        runIds(`/jobs/${old.id}/runs`),
        api.listRevisions(old.id),
        // Of a job that is not on the replica yet.
        api.listRevisions(made.id),
        api.allRuns(made.id),
      ]);
      expect(await api.getJob(made.id)).toMatchObject({ name });
      expect(await api.getJob(old.id)).toMatchObject({ labels: { attempt: String(attempt) } });
      expect((await api.getRun(run.id)).id).toBe(run.id);

      expect(names).toContain('old');
      expect(names).not.toContain(name);
      expect(all).not.toContain(run.id);
      expect(ofOld).not.toContain(run.id);
      expect(revisions.items.map(({ generation }) => generation)).not.toContain(changed.sync.generation);
      expect([revisionsOfNew.items, runsOfNew]).toEqual([[], []]);
      return true;
    } finally {
      await resumeReplay();
    }
  });
  await waitFor('the replica to hold the new job', async () => (await namesOf()).includes(`new ${attempt}`));
});

test('a replica that lags too far is not used until it has caught up', async () => {
  await waitFor('the replica to be used', isUsed);
  await pauseReplay();
  await api.createJob(job('unseen'));
  await waitFor('the primary to answer', async () => (await namesOf()).includes('unseen'));
  await waitFor('the log to say so', () => !isUsed());
  expect(linesOf(BY_PRIMARY).at(-1)).toContain('it lags by more than 5000 ms');
  await resumeReplay();
  await waitFor('the replica to be used again', isUsed);
  expect(await namesOf()).toContain('unseen');
});

describe('while the replica', () => {
  test('is down, lists come from the primary; the log says so once, and the API stays ready', async () => {
    const before = linesOf(BY_PRIMARY).length;
    await postgres.stopReplica();
    await api.createJob(job('meanwhile'));
    for (let round = 0; isUsed() || round < 3; round++) {
      const answers = await Promise.all(
        ['/jobs', '/runs', '/readyz', '/jobs?name=old'].map((url) => request(`${service.url}${url}`)),
      );
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    }
    expect(await namesOf()).toContain('meanwhile');
    expect((await request(`${service.url}/readyz`)).body).toMatchObject({ status: 'ready' });
    await postgres.startReplica();
    await waitFor('the replica to be used again', isUsed);
    expect(linesOf(BY_PRIMARY)).toHaveLength(before + 1);
    expect(await namesOf()).toContain('meanwhile');
    const connections = await askReplica(
      `SELECT count(*) > 0 AS are_there FROM pg_stat_activity WHERE application_name = 'scheduler-api-lists'`,
    );
    expect(connections).toEqual({ are_there: true });
  });

  test('does not respond, lists come from the primary', async () => {
    proxy.freeze();
    // More requests than connections to the replica.
    const answers = await Promise.all(
      Array.from({ length: 15 }, () => request(`${service.url}/jobs?name=old`)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const { stop, url } = await stack.startApi(env);
    expect((await request(`${url}/jobs`)).status).toBe(200);
    await stop();
    await waitFor('the log to say so', () => !isUsed());
    proxy.cut();
    proxy.restore();
    await waitFor('the replica to be used again', isUsed);
  });
});

describe('a server that is not a replica of the primary', () => {
  /** The number of the API process, which is part of the name of its log. */
  let number = 2;
  test.each([
    ['the primary', () => postgres.primary.urlOf('scheduler'), 'it is not a replica: it takes writes'],
    ['another server', () => stack.databaseUrl, 'it is not a replica of the primary'],
    ['another database', () => postgres.replicaUrlOf('postgres'), 'it is not a replica of the primary'],
    ['nobody', () => 'postgres://user:secret@127.0.0.1:1/scheduler', 'ECONNREFUSED'],
  ])('is not used: %s', async (_, urlOf, reason) => {
    const { stop, url } = await stack.startApi({ ...env, DATABASE_READ_URL: urlOf() });
    const file = `read-replica-api-${++number}.log`;
    await waitFor('the log to say so', () => linesOf(BY_PRIMARY, file).length > 0);
    expect(linesOf(BY_PRIMARY, file)[0]).toContain(reason);
    expect((await apiClient(url).listJobs('?name=old')).items).toHaveLength(1);
    await stop();
    expect(linesOf('', file).join()).not.toContain('secret');
  });
});
