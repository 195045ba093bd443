import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../cluster.ts';
import type { Fault, FaultKinds } from '../fault.ts';
import type { KillableServer } from '../servers.ts';

const FREEZE_MS = 20_000;

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
  (server: (cluster: Cluster) => KillableServer): Fault =>
  async ({ cluster }) => {
    await server(cluster).freeze(FREEZE_MS);
    return { detail: `${FREEZE_MS / 1_000} s` };
  };

/** Temporal begins anew, without a namespace's history, schedules or runs in progress. */
const loseTemporal: Fault = async ({ cluster }) => {
  const { temporal } = cluster;
  await temporal.kill();
  temporal.loseData();
  await temporal.restart();
  return { detail: 'its file deleted' };
};

/** Faults of Postgres and Temporal as processes. */
export const SERVER_FAULTS: FaultKinds = {
  'kill Temporal': { fault: killServer(({ temporal }) => temporal), times: 3, holds: ['Temporal'] },
  'kill Postgres': { fault: killServer(({ postgres }) => postgres), times: 3, holds: ['Postgres'] },
  'freeze Temporal': { fault: freeze(({ temporal }) => temporal), times: 1, holds: ['Temporal', 'workers'] },
  'Temporal loses its data': {
    fault: loseTemporal,
    times: 1,
    holds: ['API', 'workers', 'Postgres', 'Temporal', 'target'],
  },
};
