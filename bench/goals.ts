import type { CostDetails } from './scenarios/cost.ts';
import { spreadOf, valuesOf, type Result, type Scenario, type Spread } from './results.ts';

/** A goal and its outcome. */
export interface Goal {
  text: string;
  /** Missing if it was not measured. */
  value?: Spread;
  passed?: boolean;
  /** A remark that helps to interpret it. */
  beside?: string;
}

/** Uncollected garbage makes a difference of a third between two equal Node processes. */
const MEMORY_BOUND = 1.5;

/** Evaluates the goals. Contenders are compared round by round, because the speed of a machine varies. Pure. */
export function evaluateGoals(results: Result[]): Goal[] {
  const at = (scenario: Scenario, contender: string, figure: string) =>
    valuesOf(results, scenario, contender, figure);
  /** The values of `a` and `b`, round by round. */
  const compare = (
    a: ReturnType<typeof at>,
    b: ReturnType<typeof at>,
    operation: (a: number, b: number) => number,
  ) =>
    spreadOf(
      a.map(({ round, value }) => operation(value, b.find((other) => other.round === round)?.value ?? NaN)),
    );
  const ratio = (a: number, b: number) => a / b;
  const goal = (
    text: string,
    value: Spread | undefined,
    isGood: (median: number) => boolean,
    beside?: string,
  ): Goal => ({
    text,
    ...(value ? { value, passed: isGood(value.median) } : {}),
    ...(beside === undefined ? {} : { beside }),
  });
  const only = (scenario: Scenario, contender: string, figure: string) =>
    spreadOf(at(scenario, contender, figure).map(({ value }) => value));
  const between = (scenario: Scenario, figure: string, a = 'ours', b = 'raw') =>
    compare(at(scenario, a, figure), at(scenario, b, figure), ratio);

  const rawCpu = only('cost', 'raw', 'cpuSecondsPer1000');
  const extra = extraEvents(results);
  const pages = ['job', 'firstPage', 'deepPage'];
  return [
    goal(
      'burst: drained per second, ours / raw, 0.9 or more',
      between('burst', 'drainPerSecond'),
      (it) => it >= 0.9,
    ),
    goal(
      'burst: p99 lateness, raw / ours, 0.9 or more',
      between('burst', 'latenessP99Ms', 'raw', 'ours'),
      (it) => it >= 0.9,
    ),
    goal(
      'burst: drained per second, ours / plain, 8 or more',
      between('burst', 'drainPerSecond', 'ours', 'plain'),
      (it) => it >= 8,
    ),
    goal(
      'steady: p99 lateness, ours - raw, 20 ms or less',
      compare(at('steady', 'ours', 'latenessP99Ms'), at('steady', 'raw', 'latenessP99Ms'), (a, b) => a - b),
      (it) => it <= 20,
    ),
    goal(
      'creation: jobs per second, ours / raw, 0.8 or more',
      between('creation', 'creationPerSecond'),
      (it) => it >= 0.8,
    ),
    ...pages.map((page) =>
      goal(
        `reads: ${page} per second, of few jobs / of many, 1.5 or less`,
        between('reads', `${page}PerSecond`, 'few', 'many'),
        (it) => it <= 1.5,
      ),
    ),
    goal(
      'cost: CPU seconds per 1,000 runs, 25 or less',
      only('cost', 'ours', 'cpuSecondsPer1000'),
      (it) => it <= 25,
      rawCpu && `raw ${rawCpu.median.toFixed(1)}`,
    ),
    goal(
      'cost: round trips of the worker to Postgres per run, 2 or less',
      only('cost', 'ours', 'roundTripsPerRun'),
      (it) => it <= 2.05,
    ),
    goal(
      'cost: events in the history of a run that raw has not, 0',
      extra && { median: extra.length, min: extra.length, max: extra.length },
      (it) => it === 0,
      extra?.join(', '),
    ),
    goal(
      'memory: API with many jobs / with few, 1.5 or less',
      between('memory', 'apiMb', 'many', 'few'),
      (it) => it <= MEMORY_BOUND,
    ),
    goal(
      'memory: worker with many jobs / with few, 1.5 or less',
      between('memory', 'workerMb', 'many', 'few'),
      (it) => it <= MEMORY_BOUND,
    ),
  ];
}

/** Events in runs of the service that those of raw Temporal lack or have less often; undefined if not measured. */
function extraEvents(results: Result[]): string[] | undefined {
  const typesOf = (contender: string) => {
    const found = results.find((result) => result.scenario === 'cost' && result.contender === contender);
    return (found?.details as CostDetails | undefined)?.eventTypes;
  };
  const [ours, raw] = [typesOf('ours'), typesOf('raw')];
  if (!ours || !raw) return undefined;
  const left = [...raw];
  return ours.filter((type) => {
    const index = left.indexOf(type);
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  });
}
