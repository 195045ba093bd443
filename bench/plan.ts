import { SCENARIOS, type Scenario } from './results.ts';

/** The parameters of a run of the bench. */
export interface Plan {
  scenarios: Scenario[];
  rounds: number;
  /** Number of jobs that are due in the same second. */
  jobs: number;
  /** Number of those for an untuned Temporal, which would take minutes for all; 0 leaves it out. */
  plainJobs: number;
  /** Number of jobs that are due in the same second, to measure the cost of a run. */
  costJobs: number;
  creationJobs: number;
  steadyJobs: number;
  steadyPeriodMs: number;
  /** How often each of them is due, not counting the first time. */
  steadyOccurrences: number;
  /** Number of jobs in the larger of the two databases for reads. */
  seededJobs: number;
  /** How long each page of each database is read. */
  readSeconds: number;
}

const FULL = {
  rounds: 3,
  jobs: 1_000,
  plainJobs: 300,
  costJobs: 500,
  creationJobs: 1_000,
  steadyJobs: 100,
  steadyPeriodMs: 10_000,
  steadyOccurrences: 6,
  seededJobs: 100_000,
  readSeconds: 5,
};

/** Too small for valid figures, large enough to see that everything works. */
const QUICK = {
  rounds: 1,
  jobs: 150,
  plainJobs: 0,
  costJobs: 50,
  creationJobs: 60,
  steadyJobs: 30,
  steadyPeriodMs: 5_000,
  steadyOccurrences: 2,
  seededJobs: 20_000,
  readSeconds: 1,
};

/**
 * Makes a plan from the options of the command line.
 * @throws Error for an unknown scenario or an invalid number
 */
export function planOf(options: {
  quick?: boolean | undefined;
  /** Names, separated by commas. */
  only?: string | undefined;
  rounds?: string | undefined;
  jobs?: string | undefined;
}): Plan {
  const plan: Plan = { scenarios: [...SCENARIOS], ...(options.quick ? QUICK : FULL) };
  if (options.only !== undefined) {
    const wanted = options.only.split(',');
    const unknown = wanted.filter((name) => !(SCENARIOS as readonly string[]).includes(name));
    if (unknown.length > 0)
      throw new Error(`There is no scenario ${unknown.join(', ')}; there are ${SCENARIOS.join(', ')}.`);
    plan.scenarios = SCENARIOS.filter((name) => wanted.includes(name));
  }
  if (options.rounds !== undefined) plan.rounds = countOf('--rounds', options.rounds);
  if (options.jobs !== undefined) {
    plan.jobs = countOf('--jobs', options.jobs);
    plan.plainJobs = Math.min(plan.plainJobs, plan.jobs);
    plan.costJobs = Math.min(plan.costJobs, plan.jobs);
    plan.creationJobs = Math.min(plan.creationJobs, plan.jobs);
  }
  return plan;
}

function countOf(option: string, text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`${option} takes a whole number from 1 on.`);
  return count;
}
