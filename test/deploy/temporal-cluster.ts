import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import type { GoProgram } from '../../local/go-program.ts';
import { findPort } from '../../local/ports.ts';
import { startLogged, stopProcess, type Exit } from '../../local/processes.ts';
import { waitFor } from '../support/wait-for.ts';

const run = promisify(execFile);

/** The folder of the shipped settings. */
export const SETTINGS = 'deploy/temporal';

/** The server of the images that deploy/ names. */
const VERSION = 'v1.29.7';

/** The server itself. */
export const SERVER: GoProgram = {
  package: 'go.temporal.io/server/cmd/server',
  version: VERSION,
  program: 'temporal-server',
};

/** The program that creates its databases and updates their schemas. */
export const SQL_TOOL: GoProgram = {
  package: 'go.temporal.io/server/cmd/tools/sql',
  version: VERSION,
  program: 'temporal-sql-tool',
};

/** Temporal stores its ports in a `smallint` of Postgres, so none may be above 32,767. */
const FIRST_PORT = 17_233;

/** All services of a Temporal cluster, in one process. */
export interface RunningCluster {
  address: string;
  metricsUrl: string;
  pid: number;
  readLog: () => string;
  stop: () => Promise<Exit>;
}

/**
 * Starts a Temporal server like a container: with the shipped configuration, and everything else in the environment.
 * @throws Error with its last message if it does not start within two minutes
 */
export async function startCluster(options: {
  binary: string;
  folder: string;
  /** SQL_HOST and so on. */
  env: NodeJS.ProcessEnv;
  dynamicConfigFile: string;
}): Promise<RunningCluster> {
  const ports: Record<string, string> = { METRICS_PORT: String(await findPort(FIRST_PORT)) };
  for (const service of ['FRONTEND', 'HISTORY', 'MATCHING', 'WORKER'])
    for (const kind of ['GRPC', 'MEMBERSHIP'])
      ports[`${service}_${kind}_PORT`] = String(await findPort(FIRST_PORT, Object.values(ports).map(Number)));
  const logFile = path.join(options.folder, 'temporal-server.log');
  const server = startLogged(options.binary, ['--allow-no-auth', 'start'], {
    logFile,
    env: {
      ...options.env,
      ...ports,
      TEMPORAL_ROOT: path.resolve('.'),
      TEMPORAL_CONFIG_DIR: SETTINGS,
      TEMPORAL_ENVIRONMENT: 'server',
      TEMPORAL_BROADCAST_ADDRESS: '127.0.0.1',
      DYNAMIC_CONFIG_FILE: path.resolve(options.dynamicConfigFile),
      GOGC: '400',
    },
  });
  const stop = () => stopProcess(server, 'SIGTERM', 60_000);
  const address = `127.0.0.1:${ports['FRONTEND_GRPC_PORT']}`;
  let ended: Exit | undefined;
  void server.exited.then((exit) => (ended = exit));
  try {
    await waitFor('temporal-server', async () => ended ?? (await answers(address)), 120_000);
    if (ended !== undefined) throw new Error(`temporal-server ended: ${lastMessage(ended)}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    address,
    metricsUrl: `http://127.0.0.1:${ports['METRICS_PORT']}/metrics`,
    pid: server.child.pid ?? 0,
    readLog: () => readFileSync(logFile, 'utf8'),
    stop,
  };
}

const lastMessage = ({ lastOutput }: Exit) => {
  const last = lastOutput.split('\n').pop() ?? '';
  if (!last.startsWith('{')) return last;
  const { msg, error } = JSON.parse(last) as { msg: string; error?: string };
  return `${msg}: ${error ?? ''}`;
};

async function answers(address: string): Promise<boolean> {
  const connection = await Connection.connect({ address, connectTimeout: 1_000 });
  try {
    await connection.workflowService.getSystemInfo({});
    return true;
  } finally {
    await connection.close();
  }
}

/**
 * Runs a shipped script with these programs on its PATH.
 * @throws Error with its output if it fails
 */
export async function runScript(name: string, programs: string[], env: NodeJS.ProcessEnv): Promise<void> {
  const folders = [...programs.map((program) => path.dirname(program)), process.env['PATH']];
  try {
    await run('sh', [path.join(SETTINGS, name)], { env: { ...env, PATH: folders.join(path.delimiter) } });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${name} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

const COMPLAINT =
  /unregistered key|validation failed|isn't valid for dynamic config key|dynamic config (?:error|warning)|Failed to convert value|decode error/;

/** The lines with errors of a dynamic configuration, in the output of a Temporal server or its validator. */
export const complaintsIn = (output: string) => output.split('\n').filter((line) => COMPLAINT.test(line));

/** The errors that the validator of the server finds in a file. It exits with 0 in any case. */
export async function findFaults(binary: string, file: string): Promise<string[]> {
  const { stdout } = await run(binary, ['validate-dynamic-config', file]);
  if (!stdout.includes(file)) throw new Error(`the validator did not read ${file}: ${stdout}`);
  return complaintsIn(stdout);
}
