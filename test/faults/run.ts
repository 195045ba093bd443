import { appendFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../support/random.ts';
import { waitFor } from '../support/wait-for.ts';
import { countByKind, type RunReport } from './by-kind.ts';
import { check } from './check.ts';
import { startClients } from './clients.ts';
import { startCluster, type Cluster } from './cluster.ts';
import { awaitQuiet, collect } from './collect.ts';
import { chooseKinds, createDeck, type DeckOptions } from './deck.ts';
import { FAILURES } from './findings.ts';
import { injectFaults, type FaultBounds } from './injector.ts';
import { readFeatures, type BenchJob, type OperationContext } from './job-operations.ts';
import { createTraitsDeck, type Load } from './job-choice.ts';
import type { FaultLog, FaultRecord } from './log.ts';
import { readLog, readTransactions, writeLog, writeReport, writeTransactions } from './log-files.ts';

/** The options of a run of the bench. */
export interface FaultRunOptions extends DeckOptions {
  /** Either the number of faults, or the minutes in which faults are injected. */
  faults?: number;
  minutes?: number;
  /** The minimal number of runs that call the target; without it, five a second. */
  targets?: number;
  seed: number;
  /** The folder for logs, data and the report. */
  folder: string;
  say: (text: string) => void;
  /** Stops everything when it is aborted, and makes the run fail. */
  signal?: AbortSignal;
}

const JOBS = 40;
/** The average time of a fault and its recovery. */
const SECONDS_PER_FAULT = 11;
/** Runs per second, if no number of targets is wanted. */
const USUAL_RATE = 5;
/** A higher rate would measure the machine. */
const MAX_RATE = 10;
const QUIET_MS = 30_000;
const QUIESCE_TIMEOUT_MS = 180_000;
const MAX_EXTRA_MS = 600_000;

/** Runs the bench once, from the start of the servers to the report of the checker. */
export async function runFaults(options: FaultRunOptions): Promise<RunReport> {
  const { folder, seed, say, signal } = options;
  const cluster = await startCluster(folder, createRandom(seed), say);
  try {
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => reject(new Error('the run was broken off')));
    });
    const log = await Promise.race([run(options, cluster), aborted]);
    writeLog(folder, log);
    writeTransactions(folder, cluster.transactions.known());
    return checkFolder(folder);
  } finally {
    await cluster.stop();
  }
}

/** Checks the logs of a run, and writes the report. */
export function checkFolder(folder: string): RunReport {
  const log = readLog(folder);
  const report = check(log);
  const kinds = countByKind(log, report.findings, ({ kind }) => FAILURES.includes(kind));
  const whole = { ...report, kinds, transactions: readTransactions(folder) };
  writeReport(folder, whole);
  return whole;
}

async function run(options: FaultRunOptions, cluster: Cluster): Promise<FaultLog> {
  const { seed, folder, say } = options;
  const everybody = [...cluster.apis, ...cluster.workers];
  await waitFor('all processes to be ready', async () => {
    const ready = await Promise.all(everybody.map((member) => member.isReady()));
    return ready.every(Boolean);
  });
  const startedAt = Date.now();
  const features = await readFeatures(cluster.apis[0] as (typeof cluster.apis)[0]);
  const wanted = boundsOf(options, startedAt);
  const kinds = chooseKinds(cluster, options, say);
  const howMany =
    options.minutes === undefined ? `${wanted.faults} faults` : `faults for ${options.minutes} minutes`;
  say(`Seed ${seed}: ${howMany}, of ${kinds.length} kinds; at least ${wanted.targets} targets.`);
  const shared: Omit<OperationContext, 'random'> = {
    apis: cluster.apis,
    targetUrl: cluster.targetUrl,
    directUrl: `http://127.0.0.1:${cluster.target.port}`,
    drawTraits: createTraitsDeck(createRandom(seed + 2)),
    load: chooseLoad(wanted),
    features,
    jobs: [] as BenchJob[],
    operations: [],
  };
  const clients = startClients(shared, seed + 1);
  await waitFor('the first jobs to run', () => cluster.target.calls.length > JOBS / 2, 120_000);

  const distinctRuns = () => new Set(cluster.target.calls.map(({ run }) => run)).size;
  const onFault = (fault: FaultRecord) => {
    appendFileSync(path.join(folder, 'faults.ndjson'), `${JSON.stringify(fault)}\n`);
    const { readyAt, onTimeAt, syncedAt } = fault.recovery;
    const slowest =
      Math.max(...[readyAt, onTimeAt, syncedAt].map((at) => at ?? Infinity)) - fault.checkedFrom;
    const seconds = Math.round((Date.now() - startedAt) / 1_000);
    say(
      `${seconds} s: fault ${fault.number}${options.faults ? `/${options.faults}` : ''}, ${fault.kind} (${fault.detail}${fault.reached ? '' : ', point not reached'}): ` +
        `recovered after ${slowest} ms; ${distinctRuns()} runs, ${shared.operations.length} operations`,
    );
  };
  const context = { cluster, random: createRandom(seed), caller: { ...shared, random: createRandom(seed) } };
  const deck = createDeck(kinds, options, context.random);
  const faults = await injectFaults(context, deck, wanted, onFault);

  // A time without faults: missing calls can still come, and the service shows that it works.
  await sleep(QUIET_MS);
  for (const deadline = Date.now() + MAX_EXTRA_MS; distinctRuns() < wanted.targets && Date.now() < deadline;)
    await sleep(500);
  await clients.stop();
  await clients.pauseAll();
  say('All jobs are paused; waiting until no run is open.');
  const isQuiet = await awaitQuiet(cluster, QUIESCE_TIMEOUT_MS);
  if (!isQuiet) say('There were open runs at the timeout: the report lists them.');
  const horizon = Date.now();
  const { workflows, runs, jobs } = await collect(cluster, cluster.target.calls);
  const { operations } = shared;
  return {
    ...{ seed, startedAt, horizon, operations, faults, workflows, runs, jobs },
    calls: cluster.target.calls,
    exits: cluster.exits,
  };
}

/** How long faults are injected, and what is called meanwhile. */
interface Wanted extends FaultBounds {
  targets: number;
  /** How long it will take. */
  seconds: number;
}

function boundsOf({ faults, minutes, targets = 0 }: FaultRunOptions, startedAt: number): Wanted {
  if (minutes !== undefined) {
    const seconds = minutes * 60;
    return { faults: faults ?? Infinity, until: startedAt + seconds * 1_000, targets, seconds };
  }
  if (faults === undefined) throw new Error('either a number of faults or of minutes is needed');
  return { faults, until: Infinity, targets, seconds: faults * SECONDS_PER_FAULT };
}

function chooseLoad({ targets, seconds }: Wanted): Load {
  const enough = (1.2 * targets) / (seconds + QUIET_MS / 1_000);
  const rate = targets === 0 ? USUAL_RATE : Math.min(MAX_RATE, enough);
  return { jobs: JOBS, periodSeconds: JOBS / rate };
}
