import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../scheduling/temporal/search-attributes.ts';
import { startLogged, stopLeftover, stopProcess, type Exit } from './processes.ts';

const START_TIMEOUT_MS = 90_000;

const PRAGMAS = ['journal_mode=wal', 'synchronous=normal'];

/** Each setting was measured: docs/decisions/0003-temporal-tuning.md. */
const DYNAMIC_CONFIG = [
  'worker.schedulerNamespaceStartWorkflowRPS=5000',
  // The timeout must be a string: with a number, Temporal silently ignores the whole option.
  'worker.perNamespaceWorkerOptions={"MaxConcurrentWorkflowTaskPollers":20,"StickyScheduleToStartTimeout":"300s"}',
  'matching.rps=100000',
  'history.rps=100000',
  'frontend.rps=100000',
  'frontend.namespaceRPS=100000',
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
  'system.enableActivityEagerExecution=true',
];

/** Flags that tune a development server for this service. */
export const TUNING_FLAGS = [
  ...PRAGMAS.map((pragma) => `--sqlite-pragma=${pragma}`),
  ...Object.values(SEARCH_ATTRIBUTES).map((key) => `--search-attribute=${key.name}=Keyword`),
  ...DYNAMIC_CONFIG.map((setting) => `--dynamic-config-value=${setting}`),
];

/** Environment variables that tune it: fewer garbage collections, at the cost of memory. */
export const TUNING_ENVIRONMENT = { GOGC: '400' };

/** A running Temporal development server. */
export interface RunningTemporal {
  address: string;
  /** Undefined if it runs without its Web UI. */
  uiUrl: string | undefined;
  exited: Promise<Exit>;
  pid: number;
  stop: () => Promise<void>;
}

/** Starts a Temporal development server, which keeps its state in a file in `dataDir`. */
export async function startTemporalServer(options: {
  binary: string;
  dataDir: string;
  port: number;
  /** Undefined: no Web UI. */
  uiPort?: number | undefined;
  /** Besides `default`. */
  namespaces?: string[];
  /** Leaves out all tuning, for comparisons. */
  isUntuned?: boolean;
  logFile: string;
}): Promise<RunningTemporal> {
  const file = path.resolve(options.dataDir, 'temporal.db');
  const pidFile = path.resolve(options.dataDir, 'temporal.pid');
  mkdirSync(path.dirname(file), { recursive: true });
  if (existsSync(pidFile)) await stopLeftover(Number(readFileSync(pidFile, 'utf8')), file, 'SIGTERM');
  const server = startLogged(
    options.binary,
    [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(options.port), '--log-level', 'warn'],
      ...(options.uiPort === undefined ? ['--headless'] : ['--ui-port', String(options.uiPort)]),
      ...['--db-filename', file],
      ...(options.namespaces ?? []).flatMap((name) => ['--namespace', name]),
      ...(options.isUntuned ? [] : TUNING_FLAGS),
    ],
    {
      logFile: options.logFile,
      env: { ...process.env, ...(options.isUntuned ? {} : TUNING_ENVIRONMENT) },
    },
  );
  const pid = server.child.pid ?? 0;
  writeFileSync(pidFile, String(pid));
  const address = `127.0.0.1:${options.port}`;
  await waitUntilUp(address, server.exited);
  return {
    address,
    uiUrl: options.uiPort === undefined ? undefined : `http://127.0.0.1:${options.uiPort}`,
    exited: server.exited,
    pid,
    stop: async () => {
      await stopProcess(server, 'SIGTERM', 15_000);
      rmSync(pidFile, { force: true });
    },
  };
}

async function waitUntilUp(address: string, exited: Promise<Exit>): Promise<void> {
  let exit: Exit | undefined;
  void exited.then((result) => (exit = result));
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    if (exit) throw new Error(`The Temporal development server did not start:\n${exit.lastOutput}`);
    try {
      const connection = await Connection.connect({ address, connectTimeout: 1_000 });
      try {
        await connection.workflowService.describeNamespace({ namespace: 'default' });
        return;
      } finally {
        await connection.close();
      }
    } catch (error) {
      if (Date.now() > deadline)
        throw new Error('The Temporal development server did not answer in time.', { cause: error });
      await sleep(100);
    }
  }
}
