import type pg from 'pg';
import type { BenchJob, Contender } from '../contender.ts';
import type { BenchContext } from '../context.ts';
import { growthBetween, readWritten } from '../growth.ts';
import { readHistory, type RunHistory } from '../histories.ts';
import { requestsIn, requestsPerRun } from '../requests.ts';
import { readStatements, resetStatements, type Statement } from '../statements.ts';
import { runBurst } from './burst.ts';

const HISTORIES = 5;
/** From this count per run, a statement belongs to the run, and not to background work. */
const OF_EACH_RUN = 0.5;

/** The parts of a run that are not numbers. */
export interface CostDetails {
  /** The types of the events in the history of a run, in order. */
  eventTypes: string[];
  /** The requests of the worker to Temporal, per run. */
  requests: Record<string, number>;
  statements: Statement[];
}

/**
 * Measures the cost of a run: CPU time, statements, events, requests. The jobs recur, because completing a job that fires
 * once is a cost of the job.
 */
export async function runCost(
  context: BenchContext,
  contender: Contender & { db?: pg.Pool },
  group: string,
): Promise<{ figures: Record<string, number>; details: CostDetails }> {
  const { db, readMetrics } = contender;
  const count = context.plan.costJobs;
  const requests = async () => requestsIn((await readMetrics?.()) ?? '');
  let before: Record<string, number> = {};
  let perRun: Record<string, number> = {};
  let written: Awaited<ReturnType<typeof readWritten>> | undefined;
  let growth: Record<string, number> = {};
  let statements: Awaited<ReturnType<typeof readStatements>> | undefined;
  const histories: RunHistory[] = [];
  const figures = await runBurst(context, contender, {
    group,
    count,
    recurs: true,
    begin: async () => {
      before = await requests();
      if (db) {
        await resetStatements(db);
        written = await readWritten(db, context.folder);
      }
    },
    end: async (jobs: BenchJob[]) => {
      if (db) statements = await readStatements(db, count);
      if (db && written) growth = growthBetween(written, await readWritten(db, context.folder), count);
      perRun = requestsPerRun(before, await requests(), count);
      for (const job of jobs.slice(0, HISTORIES)) {
        const history = await readHistory(contender.temporal, contender.scheduleIdOf(job));
        if (history) histories.push(history);
      }
    },
  });
  const mean = (value: (history: RunHistory) => number) =>
    histories.reduce((sum, history) => sum + value(history), 0) / histories.length;
  const heartbeats = perRun['RecordActivityTaskHeartbeat'] ?? 0;
  return {
    figures: {
      ...figures,
      ...growth,
      historyEventsPerRun: mean(({ types }) => types.length),
      actionsPerRun: mean(({ actions }) => actions) + heartbeats,
      ...(statements ? countStatements(statements, count) : {}),
    },
    details: {
      eventTypes: histories[0]?.types ?? [],
      requests: perRun,
      statements: statements?.top ?? [],
    },
  };
}

function countStatements({ calls, top }: Awaited<ReturnType<typeof readStatements>>, runs: number) {
  const ofRuns = top.filter(({ process, callsPerRun }) => process === 'worker' && callsPerRun >= OF_EACH_RUN);
  return {
    workerStatementsPer1000: (calls.worker / runs) * 1_000,
    apiStatementsPer1000: (calls.api / runs) * 1_000,
    roundTripsPerRun: ofRuns.reduce((sum, { callsPerRun }) => sum + callsPerRun, 0),
  };
}
