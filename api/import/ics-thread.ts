import { parentPort, workerData } from 'node:worker_threads';
import { InvalidIcs, readIcs, type IcsPeriod } from './read-ics.ts';

// The thread of read-ics-apart.ts: reads one file, answers, and ends.
const { text, period } = workerData as { text: string; period: IcsPeriod };
try {
  parentPort?.postMessage({ read: readIcs(text, period) });
} catch (error) {
  if (!(error instanceof InvalidIcs)) throw error;
  parentPort?.postMessage({ fault: error.message });
}
