import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { requireSafeStart } from '../api/access/safe-start.ts';
import { createDatabase } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { readLocalConfig, type LocalConfig } from '../platform/config.ts';
import { createLogger } from '../platform/logger.ts';
import { ensureAdminKey } from './admin-key.ts';
import { startEcho } from './echo.ts';
import { findPort } from './ports.ts';
import { ensureDatabase, startPostgres } from './postgres.ts';
import { isAlive } from './processes.ts';
import { ensureSecretKeys } from './secret-keys.ts';
import { startService } from './service.ts';
import { findTemporalBinary } from './temporal-binary.ts';
import { startTemporalServer } from './temporal-server.ts';

// The local stack of npm start: Postgres, Temporal, an echo receiver, the API and the worker, under one process. Started by
// start.mjs.
const LOOPBACK = '127.0.0.0/8,::1';
const DATABASE = 'scheduler';

const say = (text: string) => console.log(text);

/** The parts that have been started, in order. They are stopped in reverse order. */
const started: { name: string; stop: () => Promise<unknown> }[] = [];
let stopping: Promise<void> | undefined;

function stop(reason: string, exitCode: number): Promise<void> {
  stopping ??= (async () => {
    say(`\n${reason}; stopping …`);
    for (const part of started.reverse()) {
      try {
        await part.stop();
      } catch (error) {
        console.error(`${part.name} could not be stopped:`, error);
      }
    }
    say('Stopped.');
    process.exit(exitCode);
  })();
  return stopping;
}

process.on('message', (message: { stop?: string }) => {
  if (message.stop) void stop(message.stop, 0);
});
process.on('disconnect', () => void stop('npm start is gone', 1));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(signal, 0));

try {
  await start(readLocalConfig(process.env));
} catch (error) {
  if (!stopping) {
    console.error(error instanceof Error ? error.message : error);
    await stop('The start failed', 1);
  }
}

async function start(config: LocalConfig): Promise<void> {
  requireSafeStart(config);
  const dataDir = path.resolve(config.DATA_DIR);
  const logDir = path.join(dataDir, 'logs');
  mkdirSync(logDir, { recursive: true });
  claimDataDir(dataDir);
  if ((await findPort(config.PORT)) !== config.PORT && config.PORT !== 0) {
    throw new Error(`Port ${config.PORT} is taken; stop what uses it, or set PORT to another one.`);
  }
  const startedAt = Date.now();
  const [postgres, temporal] = await Promise.all([
    bringUpPostgres(config, dataDir, logDir),
    bringUpTemporal(config, dataDir, logDir),
  ]);

  const workerPort = await findPort(config.WORKER_PORT, [config.PORT]);
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    DATABASE_URL: postgres.url,
    TEMPORAL_ADDRESS: temporal.address,
    ...(temporal.uiUrl ? { TEMPORAL_UI_URL: temporal.uiUrl } : {}),
    WORKER_PORT: String(workerPort),
    SECRET_KEYS: process.env['SECRET_KEYS'] || ensureSecretKeys(dataDir),
    // Unlike in production, targets on this machine are allowed. HTTP_TARGET_ALLOW=none forbids them.
    HTTP_TARGET_ALLOW: process.env['HTTP_TARGET_ALLOW'] ?? LOOPBACK,
  };
  const keyFile = await prepareDatabase(config, postgres.url, dataDir);

  const echo = await startEcho(await findPort(config.ECHO_PORT, [config.PORT, workerPort]));
  started.push({ name: 'The echo receiver', stop: echo.stop });
  say('Starting the API and the worker …');
  const [apiPort] = await Promise.all(
    (['api', 'worker'] as const).map((name) => {
      const service = startService({
        name: name === 'api' ? 'API' : 'worker',
        script: `${name}/main.ts`,
        env,
        logFile: path.join(logDir, `${name}.log`),
        say,
      });
      started.push({ name: `The ${name}`, stop: service.stop });
      return service.ready;
    }),
  );
  if (stopping) return;
  showWelcome({
    api: `${config.TLS_CERT_FILE ? 'https' : 'http'}://${config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST}:${apiPort}`,
    ui: temporal.uiUrl ?? config.TEMPORAL_UI_URL,
    postgres: postgres.url,
    temporal: temporal.address,
    dataDir,
    postgresDataDir: postgres.dataDir,
    echo: echo.url,
    keyFile,
    loopbackAllowed: process.env['HTTP_TARGET_ALLOW'] === undefined,
    seconds: Math.round((Date.now() - startedAt) / 1_000),
  });
}

/** Claims the data folder, because two stacks would destroy it. @throws Error if another stack runs on it */
function claimDataDir(dataDir: string): void {
  const file = path.join(dataDir, 'stack.pid');
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  if (pid > 0 && pid !== process.pid && isAlive(pid)) {
    throw new Error(
      `A stack is running on ${dataDir} already (process ${pid}); stop it, or set DATA_DIR to another folder.`,
    );
  }
  writeFileSync(file, String(process.pid));
  started.push({ name: 'The claim on the data folder', stop: async () => rmSync(file, { force: true }) });
}

async function bringUpPostgres(config: LocalConfig, dataDir: string, logDir: string) {
  if (config.DATABASE_URL) return { url: config.DATABASE_URL, dataDir: undefined };
  const port = await findPort(config.POSTGRES_PORT);
  say(`Starting Postgres on port ${port} …`);
  const postgres = await startPostgres({
    dataDir: path.join(dataDir, 'postgres'),
    port,
    logFile: path.join(logDir, 'postgres.log'),
    say,
  });
  started.push({ name: 'Postgres', stop: postgres.stop });
  void postgres.exited.then((exit) => stop(`Postgres ended (${exit.lastOutput})`, 1));
  await ensureDatabase(postgres, DATABASE);
  return { url: postgres.urlOf(DATABASE), dataDir: postgres.dataDir };
}

async function bringUpTemporal(config: LocalConfig, dataDir: string, logDir: string) {
  if (config.TEMPORAL_ADDRESS) return { address: config.TEMPORAL_ADDRESS, uiUrl: config.TEMPORAL_UI_URL };
  const binary = await findTemporalBinary(say);
  const port = await findPort(config.TEMPORAL_PORT);
  const uiPort = await findPort(config.TEMPORAL_UI_PORT, [port]);
  say(`Starting Temporal on port ${port}, its Web UI on ${uiPort} …`);
  const namespaces = config.TEMPORAL_NAMESPACE === 'default' ? [] : [config.TEMPORAL_NAMESPACE];
  const temporal = await startTemporalServer({
    binary,
    dataDir,
    port,
    uiPort,
    namespaces,
    logFile: path.join(logDir, 'temporal.log'),
  });
  started.push({ name: 'Temporal', stop: temporal.stop });
  void temporal.exited.then((exit) => stop(`Temporal ended (${exit.lastOutput})`, 1));
  return temporal;
}

/** Migrates the database. Returns the path of an admin key, if keys are required. */
async function prepareDatabase(
  config: LocalConfig,
  url: string,
  dataDir: string,
): Promise<string | undefined> {
  const logger = createLogger({ level: 'warn', name: 'migrate' });
  const migrating = { ...config, DATABASE_URL: url, DATABASE_STATEMENT_TIMEOUT_MS: 0 };
  const db = createDatabase(migrating, logger, 'scheduler-migrate');
  try {
    const applied = await migrate(db);
    if (applied.length > 0) say(`Migrated the database (${applied.join(', ')}).`);
    return config.API_KEY_PEPPER && (await ensureAdminKey(db, dataDir, config.API_KEY_PEPPER));
  } finally {
    await db.destroy();
  }
}

function showWelcome(stack: {
  api: string;
  ui: string | undefined;
  postgres: string;
  temporal: string;
  dataDir: string;
  /** Undefined if Postgres runs elsewhere. */
  postgresDataDir: string | undefined;
  echo: string;
  /** File with an admin key, if keys are required. */
  keyFile: string | undefined;
  loopbackAllowed: boolean;
  seconds: number;
}): void {
  // When started by root, Postgres may keep its data in another folder.
  const { postgresDataDir } = stack;
  const elsewhere =
    postgresDataDir && !postgresDataDir.startsWith(stack.dataDir) ? `   (data in ${postgresDataDir})` : '';
  const header = stack.keyFile ? ` -H "Authorization: Bearer $(cat '${stack.keyFile}')"` : '';
  const job = `{"name":"hello-'$(date +%s)'","schedule":{"every":"5s"},"target":{"type":"http","url":"${stack.echo}/hello"}}`;
  say(`
The scheduler is running (ready after ${stack.seconds} s).

  API           ${stack.api}/jobs
  Docs          ${stack.api}/docs
  Temporal UI   ${stack.ui ?? 'unknown; set TEMPORAL_UI_URL'}
  Temporal      ${stack.temporal}
  Postgres      ${stack.postgres}${elsewhere}
${stack.keyFile ? `  Key           of an admin, in ${stack.keyFile}\n` : ''}  Data          ${stack.dataDir}   (logs in ${path.join(stack.dataDir, 'logs')})
${stack.loopbackAllowed ? '  Targets       addresses of this machine are allowed (HTTP_TARGET_ALLOW is not set)\n' : ''}
A job that fires every five seconds, and its runs a few seconds later:

  JOB=$(curl -s ${stack.api}/jobs${header} -H 'Content-Type: application/json' -d '${job}' | grep -o '"id":"[^"]*' | cut -d'"' -f4); echo "job $JOB"
  curl -s${header} ${stack.api}/jobs/$JOB/runs

Ctrl-C stops everything.
`);
}
