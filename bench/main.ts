import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { planOf } from './plan.ts';
import { runBench } from './run.ts';
import { showReport } from './table.ts';

// npm run bench -- --quick --only burst,cost --rounds 3 --jobs 1000 --json FILE
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    jobs: { type: 'string' },
    json: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
  },
});
const say = (text: string) => console.log(text);
const plan = planOf(values);

if (!values['no-build']) {
  say('Building …');
  const build = spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
  if (build.status !== 0) process.exit(1);
}
// Postgres may run as another user, who must be able to enter the folder.
const folder = mkdtempSync(path.join(os.tmpdir(), 'scheduler-bench-'));
spawnSync('chmod', ['755', folder]);
const abort = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (!abort.signal.aborted) say('Stopping everything …');
    abort.abort();
  });

try {
  const report = await runBench({ plan, folder, say, signal: abort.signal });
  const file = path.resolve(values.json ?? path.join(os.tmpdir(), `${path.basename(folder)}.json`));
  writeFileSync(file, JSON.stringify(report, undefined, 2));
  say(`\n${showReport(report)}\n\nAll figures are in ${file}.`);
  if (report.faults.length > 0)
    throw new Error(`Calls were not as they should be:\n${report.faults.join('\n')}`);
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
} catch (error) {
  if (abort.signal.aborted) rmSync(folder, { recursive: true, force: true });
  else
    say(
      `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\nThe logs are in ${folder}.`,
    );
  process.exit(1);
}
