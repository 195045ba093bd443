import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { KindCounts, RunReport } from './by-kind.ts';
import { FAILURES } from './findings.ts';
import type { KnownTransaction } from './transactions.ts';

/** Adds up the reports of several runs, as Markdown: by kind of fault, by run, and by transaction. */
export function sumReports(folders: readonly string[]): string {
  const reports = folders.map(
    (folder) => JSON.parse(readFileSync(path.join(folder, 'report.json'), 'utf8')) as RunReport,
  );
  const kinds = new Map<string, KindCounts>();
  for (const report of reports)
    for (const [kind, counts] of Object.entries(report.kinds)) {
      const sum = kinds.get(kind);
      kinds.set(kind, sum ? add(sum, counts) : counts);
    }
  const all = [...kinds.values()].reduce(add, NOTHING);
  const byKind = [...kinds]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([kind, counts]) => rowOf(kind, counts));
  const runs = reports.map(({ figures, counts, passed }) => [
    ...[figures.seed, figures.minutes, figures.faults, figures.expectedOccurrences, figures.runsCalled],
    FAILURES.map((kind) => `${counts[kind]} ${kind}`).join(', '),
    passed ? 'passed' : 'failed',
  ]);
  return [
    ...markdown(
      ['fault', 'faults', 'median recovery', 'worst recovery', 'repeated calls', 'findings'],
      [...byKind, rowOf('all', all)],
    ),
    '',
    ...markdown(['seed', 'minutes', 'faults', 'occurrences', 'runs called', 'findings', 'result'], runs),
    '',
    ...showTransactions(reports.flatMap(({ transactions }) => transactions)),
  ].join('\n');
}

const NOTHING: KindCounts = { faults: 0, notReached: 0, recoveries: [], repeatedCalls: 0, findings: 0 };

const add = (one: KindCounts, other: KindCounts): KindCounts => ({
  faults: one.faults + other.faults,
  notReached: one.notReached + other.notReached,
  recoveries: [...one.recoveries, ...other.recoveries],
  repeatedCalls: one.repeatedCalls + other.repeatedCalls,
  findings: one.findings + other.findings,
});

function rowOf(kind: string, { faults, recoveries, repeatedCalls, findings }: KindCounts) {
  const sorted = recoveries.map((ms) => ms ?? Infinity).sort((a, b) => a - b);
  const [median, worst] = [sorted[Math.floor(sorted.length / 2)], sorted[sorted.length - 1]];
  return [kind, faults, inSeconds(median), inSeconds(worst), repeatedCalls, findings];
}

const inSeconds = (ms: number | undefined) =>
  ms === undefined || !Number.isFinite(ms) ? 'never' : `${(ms / 1_000).toFixed(1)} s`;

/** The transactions of the code, and how often a process has died in each. */
export function showTransactions(transactions: readonly KnownTransaction[]): string[] {
  const sums = new Map<string, [died: number, seen: number]>();
  for (const { statements, died, seen } of transactions) {
    const [diedBefore, seenBefore] = sums.get(statements) ?? [0, 0];
    sums.set(statements, [diedBefore + died, seenBefore + seen]);
  }
  const rows = [...sums]
    .sort()
    .map(([statement, [died, seen]]) => [`\`${statement.replaceAll('|', '\\|')}\``, seen, died]);
  return markdown(['transaction, by its first two statements', 'seen', 'deaths in it'], rows);
}

const markdown = (head: string[], rows: (string | number)[][]): string[] => [
  `| ${head.join(' | ')} |`,
  `| ${head.map((_, column) => (typeof rows[0]?.[column] === 'number' ? '--:' : '---')).join(' | ')} |`,
  ...rows.map((row) => `| ${row.join(' | ')} |`),
];
