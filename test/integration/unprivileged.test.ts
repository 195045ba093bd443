import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startLogged, stopProcess, type LoggedProcess } from '../../local/processes.ts';
import { apiClient } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { fromRunner } from '../support/environment.ts';
import { createStack, SECRET_KEYS, type Stack } from '../support/stack.ts';

// As in the image: nobody, without rights, on a file system that is mounted read-only. Only root can mount.

const NOBODY = '65534';

/** Mounts / read-only for itself, makes sure that even root cannot write, gives up all rights, and becomes the service. */
const SCRIPT = `
  mount -o remount,ro,bind / || exit 101
  if touch "$PWD/written" 2>/dev/null; then exit 102; fi
  exec setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"`;

/** Whether others can read what the service consists of. */
function isReadableByOthers(file: string): boolean {
  for (let at = path.resolve(file); at !== path.dirname(at); at = path.dirname(at))
    if ((statSync(at).mode & constants.S_IXOTH) === 0) return false;
  return true;
}

function hasPrograms(): boolean {
  try {
    for (const program of ['/usr/bin/unshare', '/usr/bin/setpriv']) accessSync(program, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const canTry =
  process.getuid?.() === 0 &&
  hasPrograms() &&
  isReadableByOthers('dist') &&
  isReadableByOthers(process.execPath);
const ifPossible = canTry ? test : test.skip;

let stack: Stack;
const started: LoggedProcess[] = [];

beforeAll(async () => {
  stack = await createStack('unprivileged');
});
afterAll(async () => {
  await Promise.all(started.map((service) => stopProcess(service, 'SIGTERM', 40_000)));
  await stack.stop();
});

function start(entry: string): LoggedProcess {
  const service = startLogged(
    '/usr/bin/unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', SCRIPT, 'sh', process.execPath, entry],
    {
      env: {
        PATH: process.env['PATH'],
        PORT: '0',
        WORKER_PORT: '0',
        DATABASE_URL: stack.databaseUrl,
        TEMPORAL_ADDRESS: fromRunner('temporalAddress'),
        TEMPORAL_NAMESPACE: 'unprivileged',
        HTTP_TARGET_ALLOW: '127.0.0.1',
        SECRET_KEYS,
      },
      logFile: path.join(fromRunner('folder'), `unprivileged-${started.length}.log`),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  );
  started.push(service);
  return service;
}

/** Resolves with the port of a service once it is ready. @throws Error with its last output if it ends before */
async function portOf(service: LoggedProcess): Promise<number> {
  const ready = new Promise<{ port: number }>((resolve) => {
    service.child.once('message', (message) => resolve(message as { port: number }));
  });
  const result = await Promise.race([ready, service.exited]);
  if (!('port' in result)) throw new Error(`ended with ${result.code}: ${result.lastOutput}`);
  return result.port;
}

ifPossible(
  'migration, API and worker run as nobody, without rights, on a read-only file system',
  async () => {
    expect(await start('dist/db/main.js').exited).toMatchObject({ code: 0 });
    const [api, worker] = [start('dist/api/main.js'), start('dist/worker/main.js')];
    const [port] = await Promise.all([portOf(api), portOf(worker)]);
    for (const { child } of [api, worker]) {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      expect(status).toMatch(new RegExp(`^Uid:(\\s+${NOBODY}){4}$`, 'm'));
      expect(status).toMatch(/^CapEff:\s+0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    }
    const client = apiClient(`http://127.0.0.1:${port}`);
    const job = await client.createJob({
      name: 'unprivileged',
      schedule: { at: '2090-01-01T00:00:00Z' },
      target: {
        type: 'http',
        url: `${stack.receiver.url}/called`,
        headers: { Authorization: { secret: 'Bearer x' } },
      },
    });
    const run = await client.runJob(job.id);
    expect(await endOfRun(client, run.id)).toMatchObject({ state: 'succeeded' });
    expect(stack.receiver.callsTo('/called')).toHaveLength(1);
  },
);

interface Sbom {
  bomFormat: string;
  metadata: { component: { version: string } };
  components: { name: string; version: string; purl: string; hashes?: unknown[] }[];
}

test('the build lists every package of production, with its version and hash', () => {
  const { bomFormat, metadata, components } = JSON.parse(readFileSync('dist/sbom.cdx.json', 'utf8')) as Sbom;
  const own = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect([bomFormat, metadata.component.version]).toEqual(['CycloneDX', own.version]);
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { version: string; dev?: true; optional?: true; devOptional?: true }>;
  };
  const installed = Object.entries(packages)
    .filter(([folder, { dev, optional, devOptional }]) => folder !== '' && !dev && !optional && !devOptional)
    .map(([folder, { version }]) => `${folder.slice(folder.lastIndexOf('node_modules/') + 13)}@${version}`);
  const listed = new Set(components.map(({ name, version }) => `${name}@${version}`));
  expect(installed.length).toBeGreaterThan(50);
  expect(installed.filter((name) => !listed.has(name))).toEqual([]);
  expect([...listed].filter((name) => /^(eslint|jest|typescript)@/.test(name))).toEqual([]);
  expect(components.filter(({ hashes }) => !hashes?.length)).toEqual([]);
});
