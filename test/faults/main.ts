import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { check } from './check.ts';
import { readLog } from './log-files.ts';
import { runFaults } from './run.ts';
import { showReport } from './show-report.ts';

// npm run test:faults -- --faults 200 --targets 5000 --seed 1
// npm run test:faults -- --check FOLDER
const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '20' },
    targets: { type: 'string', default: '500' },
    seed: { type: 'string' },
    folder: { type: 'string' },
    check: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
  },
});
const say = (text: string) => console.log(text);

if (values.check !== undefined) {
  const report = check(readLog(values.check));
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
const abort = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
const report = await runFaults({
  faults: Number(values.faults),
  targets: Number(values.targets),
  seed: Number(values.seed ?? Math.floor(Math.random() * 1_000_000)),
  folder,
  say,
  signal: abort.signal,
});
say(showReport(report));
for (const data of ['postgres', 'temporal.db', 'temporal.db-shm', 'temporal.db-wal'])
  if (report.passed) rmSync(path.join(folder, data), { recursive: true, force: true });
process.exit(report.passed ? 0 : 1);
