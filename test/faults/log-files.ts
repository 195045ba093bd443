import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { RunReport } from './by-kind.ts';
import type { FaultLog } from './log.ts';
import type { KnownTransaction } from './transactions.ts';

const LISTS = ['operations', 'calls', 'faults', 'workflows', 'runs', 'jobs', 'exits'] as const;
const TRANSACTIONS = 'transactions.json';

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

/** Writes the transactions that processes have died in, which only the report tells of. */
export function writeTransactions(folder: string, transactions: readonly KnownTransaction[]): void {
  writeFileSync(path.join(folder, TRANSACTIONS), JSON.stringify(transactions));
}

/** Reads what `writeTransactions` has written. */
export const readTransactions = (folder: string) =>
  JSON.parse(readFileSync(path.join(folder, TRANSACTIONS), 'utf8')) as KnownTransaction[];

/** Writes the report as JSON. */
export function writeReport(folder: string, report: RunReport): void {
  writeFileSync(path.join(folder, 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`);
}
