import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Member } from './cluster.ts';
import type { FaultProxy } from './fault-proxy.ts';
import type { Fault } from './fault.ts';
import { killAfterCommit } from './kill-after-commit.ts';
import { killAnswered, killBeforeCall } from './kill-points.ts';
import type { KillableServer } from './servers.ts';

/** kill -9 at a random moment. */
const killAny =
  (members: (cluster: Cluster) => Member[]): Fault =>
  async ({ cluster, random }) => {
    const member = random.pick(members(cluster));
    await sleep(random.integer(0, 500));
    const startedAt = Date.now();
    member.kill();
    return { detail: member.name, startedAt, endedAt: startedAt };
  };

/** kill -9 of a server, which stays down for up to five seconds. */
const killServer =
  (server: (cluster: Cluster) => KillableServer): Fault =>
  async ({ cluster, random }) => {
    const killed = server(cluster);
    const awayMs = random.chance(0.3) ? 0 : random.integer(0, 5_000);
    await killed.kill();
    await sleep(awayMs);
    await killed.restart();
    return { detail: `${killed.name}, started again after ${awayMs} ms` };
  };

/** SIGSTOP, then SIGCONT. */
const freeze =
  (members: (cluster: Cluster) => Member[], seconds: number): Fault =>
  async ({ cluster, random }) => {
    const member = random.pick(members(cluster));
    await member.freeze(seconds * 1_000);
    return { detail: `${member.name}, ${seconds} s` };
  };

/** Cuts the connections of one process, or of all of its kind, for one to six seconds. */
const cut =
  (name: string, proxies: (cluster: Cluster) => FaultProxy[]): Fault =>
  async ({ cluster, random }) => {
    const all = proxies(cluster);
    const chosen = all.length > 1 && random.chance(0.6) ? [random.pick(all)] : all;
    const durationMs = random.integer(1_000, 6_000);
    for (const proxy of chosen) proxy.cut();
    await sleep(durationMs);
    for (const proxy of chosen) proxy.restore();
    return { detail: `${name}, ${chosen.length} of ${all.length}, ${durationMs} ms` };
  };

const apis = (cluster: Cluster) => cluster.apis;
const workers = (cluster: Cluster) => cluster.workers;
const both = (cluster: Cluster) => [...cluster.apis, ...cluster.workers];

/** What a fault affects. Two faults that share anything are not injected together. */
type Hold = 'API' | 'workers' | 'Postgres' | 'Temporal' | 'target';

/** All kinds of faults, with their counts in a deck of twenty. A deck is used up before the next one is shuffled. */
export const FAULTS: Record<string, { fault: Fault; times: number; holds: Hold[] }> = {
  'kill API after commit, before Temporal': {
    fault: killAfterCommit,
    times: 2,
    holds: ['API', 'Postgres', 'Temporal'],
  },
  'kill API': { fault: killAny(apis), times: 1, holds: ['API'] },
  'kill worker before its call leaves': {
    fault: killBeforeCall,
    times: 2,
    holds: ['workers', 'target', 'Temporal'],
  },
  'kill worker after the answer, before the record': {
    fault: killAnswered,
    times: 2,
    holds: ['workers', 'target', 'Postgres', 'Temporal'],
  },
  'kill worker': { fault: killAny(workers), times: 1, holds: ['workers'] },
  'kill Temporal': { fault: killServer((cluster) => cluster.temporal), times: 2, holds: ['Temporal'] },
  'kill Postgres': { fault: killServer((cluster) => cluster.postgres), times: 2, holds: ['Postgres'] },
  'stop API for 5 s': { fault: freeze(apis, 5), times: 1, holds: ['API'] },
  'stop worker for 5 s': { fault: freeze(workers, 5), times: 1, holds: ['workers'] },
  'stop API or worker for 30 s': { fault: freeze(both, 30), times: 1, holds: ['API', 'workers'] },
  'cut API from Postgres': {
    fault: cut('API–Postgres', (cluster) => cluster.apis.map(({ toPostgres }) => toPostgres)),
    times: 1,
    holds: ['API'],
  },
  'cut API from Temporal': {
    fault: cut('API–Temporal', (cluster) => cluster.apis.map(({ toTemporal }) => toTemporal)),
    times: 1,
    holds: ['API'],
  },
  'cut worker from Postgres': {
    fault: cut('worker–Postgres', (cluster) => cluster.workers.map(({ toPostgres }) => toPostgres)),
    times: 1,
    holds: ['workers'],
  },
  'cut worker from Temporal': {
    fault: cut('worker–Temporal', (cluster) => cluster.workers.map(({ toTemporal }) => toTemporal)),
    times: 1,
    holds: ['workers'],
  },
  'cut workers from the target': {
    fault: cut('worker–target', (cluster) => [cluster.toTarget]),
    times: 1,
    holds: ['target'],
  },
};
