import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { checkFolder, runFaults } from './run.ts';
import { showReport } from './show-report.ts';
import { sumReports } from './sum-reports.ts';

// npm run test:faults -- --faults 200 --targets 5000 --seed 1
// npm run test:faults -- --minutes 60 --seed 2 --kinds 'kill API,kill Postgres'
// npm run test:faults -- --check FOLDER
// npm run test:faults -- --sum FOLDER FOLDER …
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    faults: { type: 'string' },
    minutes: { type: 'string' },
    targets: { type: 'string' },
    seed: { type: 'string' },
    kinds: { type: 'string' },
    even: { type: 'boolean', default: false },
    folder: { type: 'string' },
    check: { type: 'string' },
    sum: { type: 'boolean', default: false },
    'no-build': { type: 'boolean', default: false },
  },
});
const say = (text: string) => console.log(text);

if (values.sum) {
  say(sumReports(positionals));
  process.exit(0);
}
if (values.check !== undefined) {
  const report = checkFolder(values.check);
  say(showReport(report));
  process.exit(report.passed ? 0 : 1);
}

if (!values['no-build']) {
  say('Building …');
  const build = spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
  if (build.status !== 0) process.exit(1);
}
const folder = values.folder ?? mkdtempSync(path.join(os.tmpdir(), 'scheduler-faults-'));
// Postgres may run as another user, who must be able to enter the folder.
spawnSync('chmod', ['755', folder]);
say(`Logs and data are in ${folder}.`);
const numbers = Object.fromEntries(
  (['faults', 'minutes', 'targets'] as const).flatMap((name) =>
    values[name] === undefined ? [] : [[name, Number(values[name])]],
  ),
);
if (!('faults' in numbers || 'minutes' in numbers)) Object.assign(numbers, { faults: 20, targets: 500 });
const abort = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
const report = await runFaults({
  ...numbers,
  kinds: values.kinds?.split(',').map((kind) => kind.trim()),
  isEven: values.even,
  seed: Number(values.seed ?? Math.floor(Math.random() * 1_000_000)),
  folder,
  say,
  signal: abort.signal,
});
say(showReport(report));
for (const data of ['postgres', 'temporal.db', 'temporal.db-shm', 'temporal.db-wal'])
  if (report.passed) rmSync(path.join(folder, data), { recursive: true, force: true });
process.exit(report.passed ? 0 : 1);
