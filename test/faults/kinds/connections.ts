import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../support/random.ts';
import type { Cluster } from '../cluster.ts';
import type { FaultProxy } from '../fault-proxy.ts';
import type { Fault, FaultKinds } from '../fault.ts';

type Proxies = (cluster: Cluster) => FaultProxy[];

/** One connection, or all of its kind. */
function choose(all: FaultProxy[], random: Random): FaultProxy[] {
  return all.length > 1 && random.chance(0.6) ? [random.pick(all)] : all;
}

/** Cuts the connections of one process, or of all of its kind, for one to six seconds. */
const cut =
  (proxies: Proxies): Fault =>
  async ({ cluster, random }) => {
    const all = proxies(cluster);
    const chosen = choose(all, random);
    const durationMs = random.integer(1_000, 6_000);
    for (const proxy of chosen) proxy.cut();
    await sleep(durationMs);
    for (const proxy of chosen) proxy.restore();
    return { detail: `${chosen.length} of ${all.length}, ${durationMs} ms` };
  };

/** Accepts, holds and never answers for up to 20 s. Then cuts everything, or lets it all through late. */
const swallow =
  (proxies: Proxies): Fault =>
  async ({ cluster, random }) => {
    const all = proxies(cluster);
    const chosen = choose(all, random);
    const durationMs = random.chance(0.6) ? random.integer(2_000, 8_000) : random.integer(8_000, 20_000);
    const isLate = random.chance(0.5);
    for (const proxy of chosen) proxy.swallow();
    await sleep(durationMs);
    for (const proxy of chosen) {
      if (!isLate) proxy.cut();
      proxy.restore();
    }
    const end = isLate ? 'then let through' : 'then cut';
    return { detail: `${chosen.length} of ${all.length}, ${durationMs} ms, ${end}` };
  };

/** Drops one side of all open connections without a word to the other. New ones work. */
const halfOpen =
  (proxies: Proxies): Fault =>
  async ({ cluster, random }) => {
    const all = proxies(cluster);
    const chosen = choose(all, random);
    const dropped = random.pick(['process', 'server'] as const);
    const startedAt = Date.now();
    for (const proxy of chosen) proxy.halfOpen(dropped);
    const detail = `${chosen.length} of ${all.length}, only the ${dropped} has lost its side`;
    return { detail, startedAt, endedAt: startedAt };
  };

/** The same before the target. A caller that has lost its side calls again, while the first call goes on for the target. */
const halfOpenToTarget: Fault = async (context) => {
  const outcome = await halfOpen(toTarget)(context);
  return { ...outcome, effect: { endsCalls: outcome.detail.endsWith('the process has lost its side') } };
};

const apisToPostgres: Proxies = ({ apis }) => apis.map(({ toPostgres }) => toPostgres);
const apisToTemporal: Proxies = ({ apis }) => apis.map(({ toTemporal }) => toTemporal);
const workersToPostgres: Proxies = ({ workers }) => workers.map(({ toPostgres }) => toPostgres);
const workersToTemporal: Proxies = ({ workers }) => workers.map(({ toTemporal }) => toTemporal);
const toTarget: Proxies = (cluster) => [cluster.toTarget];

/** Of the APIs or of the workers. */
const either =
  (fault: (proxies: Proxies) => Fault, apis: Proxies, workers: Proxies): Fault =>
  async (context) => {
    const [name, proxies] = context.random.pick([['API', apis] as const, ['worker', workers] as const]);
    const outcome = await fault(proxies)(context);
    return { ...outcome, detail: `${name}, ${outcome.detail}` };
  };

/** Faults of the connections of APIs and workers. */
export const CONNECTION_FAULTS: FaultKinds = {
  'cut API from Postgres': { fault: cut(apisToPostgres), times: 1, holds: ['API'] },
  'cut API from Temporal': { fault: cut(apisToTemporal), times: 1, holds: ['API'] },
  'cut worker from Postgres': { fault: cut(workersToPostgres), times: 1, holds: ['workers'] },
  'cut worker from Temporal': { fault: cut(workersToTemporal), times: 1, holds: ['workers'] },
  'cut workers from the target': { fault: cut(toTarget), times: 1, holds: ['target'] },
  'silence before Postgres': {
    fault: either(swallow, apisToPostgres, workersToPostgres),
    times: 3,
    holds: ['API', 'workers'],
  },
  'silence before Temporal': {
    fault: either(swallow, apisToTemporal, workersToTemporal),
    times: 2,
    holds: ['API', 'workers'],
  },
  'silence before the target': { fault: swallow(toTarget), times: 1, holds: ['target', 'workers'] },
  'half-open to Postgres': {
    fault: either(halfOpen, apisToPostgres, workersToPostgres),
    times: 2,
    holds: ['API', 'workers'],
  },
  'half-open to Temporal': {
    fault: either(halfOpen, apisToTemporal, workersToTemporal),
    times: 2,
    holds: ['API', 'workers'],
  },
  'half-open to the target': { fault: halfOpenToTarget, times: 1, holds: ['target', 'workers'] },
};
