/** The name of a scenario. */
export const SCENARIOS = ['burst', 'steady', 'creation', 'reads', 'cost', 'memory'] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** The figures of one contender in one round. Their names contain the units. */
export interface Result {
  scenario: Scenario;
  contender: string;
  round: number;
  figures: Record<string, number>;
  /** Details that are not numbers: statements, types of events. */
  details?: unknown;
}

/** A figure over all rounds. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** The median, the smallest and the largest of some values; undefined if there are none. Pure. */
export function spreadOf(values: number[]): Spread | undefined {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const at = (index: number) => sorted[index] as number;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  };
}

/** A quantile of the values, by nearest rank. Pure. */
export function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? NaN;
}

/** The values of a figure, one per round, in their order. Pure. */
export const valuesOf = (results: Result[], scenario: Scenario, contender: string, figure: string) =>
  results
    .filter((result) => result.scenario === scenario && result.contender === contender)
    .map(({ round, figures }) => ({ round, value: figures[figure] ?? NaN }));
