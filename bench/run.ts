import type { Contender, ContenderName } from './contender.ts';
import { withOwnStops, type BenchContext } from './context.ts';
import { evaluateGoals, type Goal } from './goals.ts';
import { describeMachine, loadNow, type Machine } from './machine.ts';
import { startPulse } from './new-schedules.ts';
import { startOurs } from './ours.ts';
import type { Plan } from './plan.ts';
import { spreadOf, valuesOf, type Result, type Scenario, type Spread } from './results.ts';
import { runBurst } from './scenarios/burst.ts';
import { runCost } from './scenarios/cost.ts';
import { runCreation } from './scenarios/creation.ts';
import { startReads } from './scenarios/reads.ts';
import { runSteady } from './scenarios/steady.ts';
import { startServers } from './servers.ts';
import { startPlain, startRaw } from './temporal-contenders.ts';

/** The report of the bench. */
export interface Report {
  startedAt: string;
  seconds: number;
  machine: Machine;
  plan: Plan;
  /** The results of all rounds. */
  results: Result[];
  /** The summary over all rounds, by scenario, contender and figure. */
  summary: Record<string, Record<string, Record<string, Spread>>>;
  goals: Goal[];
  /** Descriptions of missing and duplicate calls. There must not be any. */
  faults: string[];
}

/** Starts everything, measures, and stops everything. @throws AbortError when the signal is aborted */
export async function runBench(
  options: Pick<BenchContext, 'plan' | 'folder' | 'say' | 'signal'>,
): Promise<Report> {
  const stops: BenchContext['stops'] = [];
  const startedAt = new Date();
  const loadBefore = loadNow();
  try {
    const context = await startServers({ ...options, stops });
    const machine = await describeMachine(context, loadBefore);
    const results: Result[] = [];
    await withOwnStops(context, () => runContenders(context, results));
    await runReads(context, results);
    return {
      startedAt: startedAt.toISOString(),
      seconds: (Date.now() - startedAt.getTime()) / 1_000,
      machine,
      plan: options.plan,
      results,
      summary: summarise(results),
      goals: evaluateGoals(results),
      faults: findFaults(results),
    };
  } finally {
    for (const stop of stops.reverse()) await stop().catch((error: unknown) => options.say(String(error)));
  }
}

/** Runs each scenario with each contender in each round. The order of contenders alternates. */
async function runContenders(context: BenchContext, results: Result[]): Promise<void> {
  const { plan, say, signal } = context;
  const wanted = (['burst', 'steady', 'creation', 'cost'] as const).filter((name) =>
    plan.scenarios.includes(name),
  );
  if (wanted.length === 0) return;
  say('Starting the service, and a worker of raw Temporal …');
  const ours = await startOurs(context);
  const raw = await startRaw(context);
  const contenders = await Promise.all([ours, raw].map(withPulse));
  for (let round = 1; round <= plan.rounds; round++)
    for (const scenario of wanted) {
      say(`Round ${round} of ${plan.rounds}: ${scenario}`);
      const measure = async (contender: Contender) => {
        const measured = await runScenario(context, contender, scenario, round);
        results.push({ scenario, contender: contender.name, round, ...measured });
      };
      const measurements = contenders.map((contender) => () => measure(contender));
      // An untuned server cannot keep up with the steady load. It is started only here, because it takes CPU time even when idle.
      if (plan.plainJobs > 0 && (scenario === 'burst' || scenario === 'creation'))
        measurements.push(() =>
          withOwnStops(context, async () => measure(await withPulse(await startPlain(context)))),
        );
      for (const measurement of round % 2 === 1 ? measurements : measurements.toReversed()) {
        signal.throwIfAborted();
        await measurement();
      }
    }
}

async function withPulse<Kind extends Contender>(contender: Kind): Promise<Kind> {
  return { ...contender, calmDown: await startPulse(contender) };
}

async function runScenario(
  context: BenchContext,
  contender: Contender,
  scenario: Exclude<Scenario, 'reads' | 'memory'>,
  round: number,
): Promise<Pick<Result, 'figures' | 'details'>> {
  const group = `${scenario}-${round}-${contender.name}`;
  const { jobs, plainJobs } = context.plan;
  const counts: Record<ContenderName, number> = { ours: jobs, raw: jobs, plain: plainJobs };
  switch (scenario) {
    case 'burst':
      return {
        figures: await runBurst(context, contender, { group, count: counts[contender.name], recurs: false }),
      };
    case 'steady':
      return { figures: await runSteady(context, contender, group) };
    case 'creation':
      return runCreation(context, contender, group);
    case 'cost':
      return runCost(context, contender, group);
  }
}

async function runReads(context: BenchContext, results: Result[]): Promise<void> {
  const { plan, say } = context;
  const wants = (scenario: Scenario) => plan.scenarios.includes(scenario);
  if (!wants('reads') && !wants('memory')) return;
  say('Reads: filling two databases …');
  const reads = await startReads(context);
  const note = (scenario: Scenario, round: number, figures: Map<string, Record<string, number>>) => {
    if (!wants(scenario)) return;
    for (const [contender, own] of figures) results.push({ scenario, contender, round, figures: own });
  };
  for (let round = 1; round <= plan.rounds; round++) {
    say(`Round ${round} of ${plan.rounds}: reads`);
    note('reads', round, await reads.read(round));
  }
  if (wants('memory')) note('memory', 1, await reads.measureMemory());
}

function summarise(results: Result[]): Report['summary'] {
  const summary: Report['summary'] = {};
  for (const { scenario, contender, figures } of results)
    for (const figure of Object.keys(figures)) {
      const spread = spreadOf(valuesOf(results, scenario, contender, figure).map(({ value }) => value));
      if (spread) ((summary[scenario] ??= {})[contender] ??= {})[figure] = spread;
    }
  return summary;
}

const findFaults = (results: Result[]) =>
  results.flatMap(({ scenario, contender, round, figures }) =>
    ['missing', 'duplicates']
      .filter((name) => (figures[name] ?? 0) > 0)
      .map((name) => `${scenario}, round ${round}, ${contender}: ${figures[name]} ${name}`),
  );
