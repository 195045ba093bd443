import { Client, Connection } from '@temporalio/client';
import { compareOne, type Difference, type ScheduleKind } from './compare.ts';

/** The result of a differential run. */
export interface DifferentialResult {
  cases: number;
  instants: number;
  differences: Difference[];
}

const CONCURRENCY = 3;

/** Compares random schedules, one for each seed from `seed` on, with a Temporal server. */
export async function runDifferential(options: {
  address: string;
  namespace: string;
  kind: ScheduleKind;
  seed: number;
  cases: number;
  onProgress?: (done: number, result: DifferentialResult) => void;
}): Promise<DifferentialResult> {
  const connection = await Connection.connect({ address: options.address });
  const temporal = new Client({ connection, namespace: options.namespace });
  const result: DifferentialResult = { cases: 0, instants: 0, differences: [] };
  // One instant for all: a run is reproduced by its seed and its day.
  const now = Date.now();
  let next = options.seed;
  const last = options.seed + options.cases - 1;
  const work = async () => {
    while (next <= last) {
      const seed = next++;
      try {
        const { difference, compared } = await compareOne(temporal, options.kind, seed, now);
        result.cases++;
        result.instants += compared;
        if (difference) result.differences.push(difference);
        options.onProgress?.(result.cases, result);
      } catch (error) {
        // The other workers finish their schedule before the error is thrown.
        next = last + 1;
        throw new Error(`the schedule of seed ${seed} could not be compared`, { cause: error });
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: CONCURRENCY }, work));
  await connection.close();
  for (const outcome of results) if (outcome.status === 'rejected') throw outcome.reason;
  return result;
}
