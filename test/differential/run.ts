import { Client, Connection } from '@temporalio/client';
import { compareOne, type Difference } from './compare.ts';

/** What a differential run found. */
export interface DifferentialResult {
  cases: number;
  instants: number;
  differences: Difference[];
}

const CONCURRENCY = 3;

/** Compares random schedules, one for each seed from `seed` on, at a Temporal server. */
export async function runDifferential(options: {
  address: string;
  namespace: string;
  seed: number;
  cases: number;
  onProgress?: (done: number, result: DifferentialResult) => void;
}): Promise<DifferentialResult> {
  const connection = await Connection.connect({ address: options.address });
  const temporal = new Client({ connection, namespace: options.namespace });
  const result: DifferentialResult = { cases: 0, instants: 0, differences: [] };
  // One instant for all: a run is repeated only by its seed and the day on which it ran.
  const now = Date.now();
  let next = options.seed;
  const work = async () => {
    while (next < options.seed + options.cases) {
      const seed = next++;
      const { difference, compared } = await compareOne(temporal, seed, now).catch((error: unknown) => {
        throw new Error(`the schedule of seed ${seed} could not be compared`, { cause: error });
      });
      result.cases++;
      result.instants += compared;
      if (difference) result.differences.push(difference);
      options.onProgress?.(result.cases, result);
    }
  };
  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
  } finally {
    await connection.close();
  }
  return result;
}
