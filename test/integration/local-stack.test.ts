import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiClient } from '../support/client.ts';
import { fromRunner } from '../support/environment.ts';
import { waitFor } from '../support/wait-for.ts';

// npm start, the lines that it prints, Ctrl-C, npm start again.
const dataDir = path.join(fromRunner('folder'), 'local stack');
const PORTS = {
  PORT: '18000',
  WORKER_PORT: '18001',
  ECHO_PORT: '18010',
  POSTGRES_PORT: '15432',
  TEMPORAL_PORT: '17233',
  TEMPORAL_UI_PORT: '18233',
};
const api = apiClient(`http://127.0.0.1:${PORTS.PORT}`);
const running: ChildProcess[] = [];

function npmStart(env: Record<string, string> = {}) {
  const child = spawn('npm', ['start'], {
    env: { ...process.env, ...PORTS, DATA_DIR: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own process group, as in a shell: Ctrl-C goes to all its processes.
    detached: true,
  });
  running.push(child);
  const stack = {
    child,
    output: '',
    exited: new Promise<number | null>((resolve) => child.once('close', resolve)),
  };
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (stack.output += text.toString()));
  return stack;
}

const untilReady = (stack: ReturnType<typeof npmStart>) =>
  waitFor(
    'the welcome block',
    () => {
      if (stack.child.exitCode !== null) throw new Error(stack.output);
      return stack.output.includes('Ctrl-C stops everything');
    },
    110_000,
  );

const ps = (...args: string[]) =>
  spawnSync('ps', args, { encoding: 'utf8' })
    .stdout.split('\n')
    .map((line) => line.trim());
const pidOf = (line: string | undefined) => Number(line?.split(/ +/)[0]);

/**
 * The servers, APIs and workers of the stacks of this file, as "pid ppid command": there must be none after a stop. Those
 * whose command line does not name the data folder have it in their environment. Other tests start local stacks as well.
 */
function listProcesses(): string[] {
  const pids = new Set(
    ps('axeww', '-o', 'pid=,args=')
      .filter((line) => line.includes(dataDir))
      .map(pidOf),
  );
  return ps('-eo', 'pid=,ppid=,args=').filter(
    (line) =>
      line.includes(dataDir) ||
      (/local\/(start\.mjs|main\.ts)|--import tsx (api|worker)\/main\.ts/.test(line) &&
        pids.has(pidOf(line))),
  );
}

// npm start runs npm ci if this is not so, and would remove the packages that the other tests use.
beforeAll(() => {
  const [lock, installed] = ['package-lock.json', 'node_modules/.package-lock.json'].map(
    (file) => statSync(file).mtimeMs,
  );
  if ((installed ?? 0) < (lock ?? 0))
    throw new Error('The packages are older than package-lock.json; run "npm ci" first.');
});
afterAll(() => {
  for (const child of running) if (child.exitCode === null) child.kill('SIGTERM');
});

test('npm start runs the service, restarts its processes, stops completely, and continues with its data', async () => {
  mkdirSync(dataDir, { recursive: true });
  const first = npmStart();
  await untilReady(first);
  expect(first.output).toContain(`http://127.0.0.1:${PORTS.PORT}/docs`);
  expect(first.output).toContain(`http://127.0.0.1:${PORTS.TEMPORAL_UI_PORT}`);
  expect(first.output).toContain(dataDir);

  // The lines that it prints, run in a shell.
  const lines = first.output
    .split('\n')
    .filter((line) => line.startsWith('  JOB=') || line.startsWith('  curl'));
  expect(lines).toHaveLength(2);
  const created = spawnSync('sh', ['-c', lines[0] ?? ''], { encoding: 'utf8' });
  const id = /^job ([0-9a-f-]{36})$/m.exec(created.stdout)?.[1] ?? '';
  expect(id).not.toBe('');
  // The first start makes the key for secrets. The job still fires after later starts, so the key is kept.
  await api.patchJob(id, { target: { headers: { 'X-Token': { secret: 'local' } } } });
  expect(statSync(path.join(dataDir, 'secret-keys')).mode & 0o777).toBe(0o600);
  await waitFor('a run', async () => (await api.listRuns(id)).items.some((run) => run.state === 'succeeded'));
  const read = spawnSync('sh', ['-c', lines[1]?.replace('$JOB', id) ?? ''], { encoding: 'utf8' });
  expect(JSON.parse(read.stdout)).toMatchObject({
    items: expect.arrayContaining([expect.objectContaining({ state: 'succeeded' })]),
  });

  // /docs works offline: the page and everything that it loads.
  const page = await (await fetch(`http://127.0.0.1:${PORTS.PORT}/docs`)).text();
  const assets = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '');
  expect(assets.length).toBeGreaterThanOrEqual(3);
  for (const url of [...assets, 'openapi.json']) {
    const { origin, href } = new URL(url, `http://127.0.0.1:${PORTS.PORT}/docs`);
    expect(origin).toBe(`http://127.0.0.1:${PORTS.PORT}`);
    expect((await fetch(href)).status).toBe(200);
  }

  // A stack on the same folder, on the same port, and with a wrong configuration does not start, and says why.
  const second = npmStart();
  const third = npmStart({ DATA_DIR: `${dataDir}-other` });
  const fourth = npmStart({ PORT: 'eight', LOG_LEVEL: 'loud' });
  expect(await second.exited).toBe(1);
  expect(second.output).toMatch(/A stack is running on .* already \(process \d+\)/);
  expect(await third.exited).toBe(1);
  expect(third.output).toMatch(/Port 18000 is taken; stop what uses it, or set PORT to another one\./);
  expect(await fourth.exited).toBe(1);
  expect(fourth.output).toMatch(/PORT: .*eight[^]*LOG_LEVEL: .*loud/);

  // A process that dies is named and started again.
  for (const name of ['worker', 'api']) {
    const stackPid = readFileSync(path.join(dataDir, 'stack.pid'), 'utf8');
    const children = listProcesses().filter(
      (line) => line.endsWith(`${name}/main.ts`) && line.split(/ +/)[1] === stackPid,
    );
    expect(children).toHaveLength(1);
    process.kill(pidOf(children[0]), 'SIGKILL');
    const shown = name === 'api' ? 'API' : 'worker';
    await waitFor(`"The ${shown} is running again." after ${children.join()}`, () =>
      first.output.includes(`The ${shown} is running again.`),
    );
    expect(first.output).toContain(`The ${shown} died (signal SIGKILL); starting it again`);
  }

  process.kill(-(first.child.pid ?? 0), 'SIGINT');
  expect(await first.exited).toBe(0);
  expect(first.output).toContain('Stopped.');
  expect(listProcesses()).toEqual([]);

  const again = npmStart();
  await untilReady(again);
  const known = (await api.listRuns(id)).items.map((run) => run.id);
  await waitFor('another run', async () =>
    (await api.listRuns(id)).items.some((run) => run.state === 'succeeded' && !known.includes(run.id)),
  );
  again.child.kill('SIGTERM');
  await again.exited;
  expect(listProcesses()).toEqual([]);

  // The next start cleans up after a stack that was killed.
  const killed = npmStart();
  await untilReady(killed);
  process.kill(Number(readFileSync(path.join(dataDir, 'stack.pid'), 'utf8')), 'SIGKILL');
  await killed.exited;
  // The API and the worker stop by themselves, although nobody reads their logs.
  await waitFor(
    'the API and the worker to end',
    () => !listProcesses().some((line) => line.endsWith('/main.ts')),
  );
  const last = npmStart();
  await untilReady(last);
  await api.getJob(id);
  last.child.kill('SIGTERM');
  await last.exited;
  expect(listProcesses()).toEqual([]);
}, 300_000);

test('npm start says why the API cannot start, and leaves no process behind', async () => {
  const open = npmStart({ HOST: '0.0.0.0', DATA_DIR: `${dataDir}-open` });
  expect(await open.exited).toBe(1);
  expect(open.output).toMatch(/HOST: 0\.0\.0\.0 can be reached from other machines[^]*Stopped\./);
  // An error that is found only after Postgres and Temporal are up.
  const broken = npmStart({
    DATA_DIR: `${dataDir}-broken`,
    TLS_CERT_FILE: 'package.json',
    TLS_KEY_FILE: 'package.json',
  });
  expect(await broken.exited).toBe(1);
  expect(broken.output).toMatch(/The API did not start[^]*Stopped\./);
  expect(listProcesses()).toEqual([]);
});

test('npm start with API keys creates one, and its lines use it', async () => {
  const stack = npmStart({ API_KEY_PEPPER: 'p'.repeat(32), DATA_DIR: `${dataDir}-keys` });
  await untilReady(stack);
  await expect(api.listJobs()).rejects.toThrow('401');
  const [line] = stack.output.split('\n').filter((text) => text.startsWith('  JOB='));
  const created = spawnSync('sh', ['-c', line ?? ''], { encoding: 'utf8' });
  expect(created.stdout).toMatch(/^job [0-9a-f-]{36}$/m);
  stack.child.kill('SIGTERM');
  expect(await stack.exited).toBe(0);
  expect(listProcesses()).toEqual([]);
});
