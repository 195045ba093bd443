import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Member } from '../cluster.ts';
import type { Fault, FaultKinds } from '../fault.ts';
import { killAfterCommit } from './kill-after-commit.ts';
import { killAnswered, killBeforeCall } from './kill-points.ts';

const TRANSACTION_TIMEOUT_MS = 8_000;

/** kill -9 at a random moment. */
const killAny =
  (
    members: (cluster: Cluster) => Member[],
    kill: (member: Member) => void = (member) => member.kill(),
  ): Fault =>
  async ({ cluster, random }) => {
    const member = random.pick(members(cluster));
    await sleep(random.integer(0, 500));
    const startedAt = Date.now();
    kill(member);
    return { detail: member.name, startedAt, endedAt: startedAt };
  };

/** kill -9 between the first statement of a transaction and its commit, half of the time as if the host had vanished. */
const dieInTransaction: Fault = async ({ cluster, random }) => {
  const death = await cluster.transactions.awaitDeath(random, TRANSACTION_TIMEOUT_MS);
  if (!death) return { detail: 'no transaction in time', reached: false };
  const { process, statements, after } = death;
  const place = after === 'commit' ? 'before its commit' : `after statement ${after}`;
  const startedAt = Date.now();
  return {
    detail: `${process}, ${place} of "${statements}"`,
    ...{ startedAt, endedAt: startedAt },
    effect: { transaction: statements },
  };
};

/** SIGSTOP, then SIGCONT. */
const freeze =
  (members: (cluster: Cluster) => Member[], seconds: number): Fault =>
  async ({ cluster, random }) => {
    const member = random.pick(members(cluster));
    await member.freeze(seconds * 1_000);
    return { detail: `${member.name}, ${seconds} s` };
  };

const apis = (cluster: Cluster) => cluster.apis;
const workers = (cluster: Cluster) => cluster.workers;
const both = (cluster: Cluster) => [...cluster.apis, ...cluster.workers];

/** Faults of APIs and workers themselves. */
export const PROCESS_FAULTS: FaultKinds = {
  'kill API between commit and Temporal': {
    fault: killAfterCommit,
    times: 4,
    holds: ['API', 'Postgres', 'Temporal'],
  },
  'kill API': { fault: killAny(apis), times: 2, holds: ['API'] },
  'kill worker before its call leaves': {
    fault: killBeforeCall,
    times: 4,
    holds: ['workers', 'target', 'Temporal'],
  },
  'kill worker between answer and record': {
    fault: killAnswered,
    times: 4,
    holds: ['workers', 'target', 'Postgres', 'Temporal'],
  },
  'kill worker': { fault: killAny(workers), times: 2, holds: ['workers'] },
  'die in a transaction': {
    fault: dieInTransaction,
    times: 5,
    holds: ['API', 'workers', 'Postgres', 'Temporal'],
  },
  'host of a process vanishes': {
    fault: killAny(both, (member) => member.vanish()),
    times: 2,
    holds: ['API', 'workers', 'Postgres', 'Temporal'],
  },
  'stop API for 5 s': { fault: freeze(apis, 5), times: 1, holds: ['API'] },
  'stop worker for 5 s': { fault: freeze(workers, 5), times: 1, holds: ['workers'] },
  'stop API or worker for 30 s': { fault: freeze(both, 30), times: 1, holds: ['API', 'workers'] },
};
