import { Worker } from 'node:worker_threads';
import type { IcsHolidays, IcsPeriod } from './read-ics.ts';
import { invalid, SchedulerError } from '../../domain/errors.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';

/** A file of the largest size that is taken is read in a fraction of this time. */
const TIMEOUT_MS = 5 * SECOND_MS;
/** Threads at once in one process; each has memory of its own. */
const MAX_THREADS = 2;
const MEMORY_MB = 128;

/** As it is built: a thread takes no TypeScript. */
const THREAD = new URL('./ics-thread.js', import.meta.url);

let running = 0;

/**
 * Reads an iCalendar file in a thread of its own, which is ended after some seconds: a file from outside neither holds the process
 * nor fills its memory, whatever is in it.
 * @throws SchedulerError `invalid` with what is wrong, `unavailable` if too many files are read at the moment
 */
export async function readIcsApart(text: string, period: IcsPeriod): Promise<IcsHolidays> {
  if (running >= MAX_THREADS)
    throw new SchedulerError(
      'unavailable',
      'Other calendar files are being read; try again in a few seconds.',
    );
  running++;
  const thread = new Worker(THREAD, {
    workerData: { text, period },
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
  });
  try {
    const { read, fault } = await answerOf(thread);
    if (read) return read;
    throw unreadable(fault ?? 'is no iCalendar file');
  } finally {
    await thread.terminate();
    running--;
  }
}

interface ThreadAnswer {
  read?: IcsHolidays;
  fault?: string;
}

function answerOf(thread: Worker): Promise<ThreadAnswer> {
  return new Promise((resolve, reject) => {
    const tooMuch = () => resolve({ fault: TOO_MUCH });
    const timer = setTimeout(tooMuch, TIMEOUT_MS);
    thread.once('message', resolve);
    thread.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') tooMuch();
      else reject(error);
    });
    thread.once('exit', () => {
      clearTimeout(timer);
      tooMuch();
    });
  });
}

const TOO_MUCH = `takes more than ${TIMEOUT_MS / SECOND_MS} s or ${MEMORY_MB} MB to read: a rule in it has no occurrence, or there are too many`;

const unreadable = (message: string) => invalid([{ path: 'ics', code: 'unreadable', message }]);
