import type { RunReport } from './by-kind.ts';
import type { Spread } from './check.ts';
import { FAILURES, type FindingKind } from './findings.ts';
import { showTransactions } from './sum-reports.ts';

const MAX_SHOWN = 10;

/** Formats a report for people. */
export function showReport(report: RunReport): string {
  const { passed, findings, counts, figures, lateness, recovery, transactions } = report;
  const rows = Object.entries(recovery).map(([kind, { count, median, max }]) => [
    ...[kind, String(count), inSeconds(median), inSeconds(max)],
    String(report.kinds[kind]?.repeatedCalls ?? 0),
    String(report.kinds[kind]?.findings ?? 0),
  ]);
  const kinds = Object.keys(counts) as FindingKind[];
  const shown = kinds.flatMap((kind) =>
    findings
      .filter((finding) => finding.kind === kind)
      .slice(0, MAX_SHOWN)
      .map(({ job, scheduledAt, detail }) => [kind, job, scheduledAt, detail].filter(Boolean).join(' · ')),
  );
  return [
    ...table([
      ['after a fault, well again in', 'faults', 'median', 'max', 'repeated calls', 'findings'],
      ...rows,
    ]),
    '',
    ...table(Object.entries(figures).map(([name, value]) => [toWords(name), String(value)])),
    '',
    ...showTransactions(transactions),
    '',
    `called after nominal time: ${showSpread(lateness)}`,
    '',
    ...shown,
    kinds
      .map((kind) => `${counts[kind]} ${kind}${FAILURES.includes(kind) ? '' : ' (told, no failure)'}`)
      .join(', '),
    passed ? 'passed' : 'FAILED',
  ].join('\n');
}

const inSeconds = (ms: number) => (Number.isFinite(ms) ? `${(ms / 1_000).toFixed(1)} s` : 'never');
const showSpread = ({ median, p99, max }: Spread) =>
  `median ${inSeconds(median)}, p99 ${inSeconds(p99)}, max ${inSeconds(max)}`;
const toWords = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

function table(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
