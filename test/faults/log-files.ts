import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Report } from './check.ts';
import type { FaultLog } from './log.ts';

const LISTS = ['operations', 'calls', 'faults', 'workflows', 'runs', 'jobs', 'exits'] as const;

/** Writes a log into a folder: one file per list, one line per entry. */
export function writeLog(folder: string, log: FaultLog): void {
  mkdirSync(folder, { recursive: true });
  const { seed, startedAt, horizon } = log;
  writeFileSync(path.join(folder, 'run.json'), `${JSON.stringify({ seed, startedAt, horizon })}\n`);
  for (const list of LISTS) {
    const lines = log[list].map((entry) => `${JSON.stringify(entry)}\n`);
    writeFileSync(path.join(folder, `${list}.ndjson`), lines.join(''));
  }
}

/** Reads a log that `writeLog` has written. */
export function readLog(folder: string): FaultLog {
  const read = (file: string) => readFileSync(path.join(folder, file), 'utf8');
  const run = JSON.parse(read('run.json')) as Pick<FaultLog, 'seed' | 'startedAt' | 'horizon'>;
  const lists = LISTS.map((list) => [
    list,
    read(`${list}.ndjson`)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown),
  ]);
  return { ...run, ...(Object.fromEntries(lists) as Omit<FaultLog, keyof typeof run>) };
}

/** Writes the report as JSON. */
export function writeReport(folder: string, report: Report): void {
  writeFileSync(path.join(folder, 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`);
}
