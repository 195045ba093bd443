import type { Goal } from './goals.ts';
import type { Report } from './run.ts';
import { SCENARIOS, spreadOf, valuesOf, type Result, type Spread } from './results.ts';

/** Formats the report for a terminal: the machine, a table for each scenario, the goals. Pure. */
export function showReport({ machine, results, goals, plan, seconds }: Report): string {
  const lines = [
    `${machine.cores} cores of ${machine.processor}, ${machine.memoryGb} GB, load ${machine.loadBefore.toFixed(1)} before; ` +
      `Node ${machine.node}, Postgres ${machine.postgres}, Temporal ${machine.temporal}`,
    `${plan.rounds} rounds in ${Math.round(seconds)} s; medians, and smallest to largest`,
  ];
  for (const scenario of SCENARIOS) {
    const own = results.filter((result) => result.scenario === scenario);
    if (own.length > 0) lines.push('', ...showScenario(scenario, own));
  }
  return [...lines, '', 'Goals:', ...goals.map(showGoal)].join('\n');
}

function showScenario(scenario: Result['scenario'], results: Result[]): string[] {
  const contenders = [...new Set(results.map(({ contender }) => contender))];
  const figures = [...new Set(results.flatMap((result) => Object.keys(result.figures)))];
  const rows = figures.map((figure) => [
    figure,
    ...contenders.map((contender) =>
      showSpread(spreadOf(valuesOf(results, scenario, contender, figure).map(({ value }) => value))),
    ),
  ]);
  return align([[scenario, ...contenders], ...rows]);
}

function align(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
}

const showGoal = ({ text, value, passed, beside }: Goal) =>
  `  ${passed === undefined ? '–   ' : passed ? 'pass' : 'MISS'}  ${text}: ${showSpread(value)}${beside ? ` (${beside})` : ''}`;

function showSpread(spread: Spread | undefined): string {
  if (!spread) return '–';
  const { median, min, max } = spread;
  return min === max ? show(median) : `${show(median)} (${show(min)} – ${show(max)})`;
}

function show(value: number): string {
  const digits = Number.isInteger(value) || Math.abs(value) >= 1_000 ? 0 : Math.abs(value) >= 100 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
