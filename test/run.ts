import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createOpenApiDocument } from '../api/rest/openapi.ts';
import { operations } from '../api/routes/index.ts';
import { VERSION } from '../api/version.ts';
import { createDatabase } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { findPort } from '../local/ports.ts';
import { ensureDatabase, startPostgres } from '../local/postgres.ts';
import { findTemporalBinary } from '../local/temporal-binary.ts';
import { startTemporalServer } from '../local/temporal-server.ts';
import { readConfig } from '../platform/config.ts';
import { createLogger } from '../platform/logger.ts';
import { DOCUMENT_FILE, TEMPLATE_DATABASE, VARIABLES } from './support/environment.ts';

// npm test: builds, starts its own Postgres and Temporal servers, and runs jest against them. With --long it runs only
// test/long, whose tests take minutes each; with --unit only test/unit, which needs no servers. Other arguments are passed
// to jest.
const say = (text: string) => console.log(`[test] ${text}`);
const args = process.argv.slice(2);
const unitOnly = args.includes('--unit');
const jestArgs = args.filter((argument) => !['--unit', '--long'].includes(argument));
// Tests of test/long use the CPU rather than wait, so two at a time are enough for two cores.
if (args.includes('--long')) jestArgs.unshift('test/long', '--maxWorkers=2');
else if (!args.some((argument) => argument.startsWith('test/long')))
  jestArgs.push('--testPathIgnorePatterns', '/node_modules/', '/test/long/');

const stops: (() => Promise<unknown>)[] = [];
let exitCode = 1;
try {
  exitCode = await runJest(unitOnly ? ['test/unit', ...jestArgs] : jestArgs, unitOnly ? {} : await prepare());
} catch (error) {
  console.error(error);
} finally {
  for (const stop of stops.reverse()) await stop();
}
process.exit(exitCode);

async function prepare(): Promise<Record<string, string>> {
  // Postgres may run as another user, who must be able to enter the folder.
  const folder = mkdtempSync(path.join(os.tmpdir(), 'scheduler-test-'));
  spawnSync('chmod', ['755', folder]);
  stops.push(async () => {
    if (exitCode === 0) rmSync(folder, { recursive: true, force: true });
    else say(`The logs of the processes are in ${folder}.`);
  });
  say('Building …');
  const build = spawnSync('npm', ['run', '--silent', 'build'], { encoding: 'utf8' });
  if (build.status !== 0) throw new Error(`The build failed:\n${build.stdout}${build.stderr}`);

  const document = createOpenApiDocument(operations, VERSION);
  writeFileSync(path.join(folder, DOCUMENT_FILE), JSON.stringify(document));
  const binary = await findTemporalBinary(say);
  say('Starting Postgres and Temporal …');
  const port = await findPort(0);
  // One Temporal namespace per test file, so that none sees the schedules of another.
  const namespaces = ['test/integration', 'test/long'].flatMap((folder) =>
    readdirSync(folder).map((file) => file.split('.')[0] as string),
  );
  const [postgres, temporal] = await Promise.all([
    startPostgres({
      dataDir: path.join(folder, 'postgres'),
      port: await findPort(0),
      logFile: path.join(folder, 'postgres.log'),
      settings: ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'],
      say,
    }),
    startTemporalServer({
      binary,
      dataDir: folder,
      port,
      namespaces,
      logFile: path.join(folder, 'temporal.log'),
    }),
  ]);
  stops.push(postgres.stop, temporal.stop);

  await ensureDatabase(postgres, TEMPLATE_DATABASE);
  const config = readConfig({
    DATABASE_URL: postgres.urlOf(TEMPLATE_DATABASE),
    TEMPORAL_ADDRESS: temporal.address,
  });
  const db = createDatabase(config, createLogger({ level: 'warn', name: 'test' }), 'test');
  await migrate(db);
  await db.destroy();
  return {
    [VARIABLES.postgresUrl]: postgres.urlOf('postgres'),
    [VARIABLES.temporalAddress]: temporal.address,
    [VARIABLES.folder]: folder,
  };
}

function runJest(jestArguments: string[], environment: Record<string, string>): Promise<number> {
  const jest = spawn(
    process.execPath,
    ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', ...jestArguments],
    {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'inherit', 'pipe'],
    },
  );
  let leaks = false;
  jest.stderr.setEncoding('utf8').on('data', (text: string) => {
    process.stderr.write(text);
    if (text.includes('Jest did not exit')) {
      leaks = true;
      say('A test left a handle open, which is a failure. Run with --detectOpenHandles to find it.');
      jest.kill('SIGKILL');
    }
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => jest.kill(signal));
  return new Promise((resolve) => jest.once('close', (code) => resolve(leaks ? 1 : (code ?? 1))));
}
