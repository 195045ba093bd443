import type { ActivityCancellationDetails } from '@temporalio/common';
import type { RunEnd } from '../../db/runs/run-progress.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { Logger } from '../../platform/logger.ts';
import type { EndedAttempt } from './ended-attempt.ts';

// The first calls of runs, which this process makes for itself. A workflow task waits for each a little; a call that takes
// longer goes on here, and the workflow asks for its end at a task queue that no other process has.

// A call is over, or broken off, before Temporal could have it made elsewhere: before the timeout of the workflow task
// (domain/job/run-workflow.ts), and then that of the activity that fetches it (workflows/run-job.ts).

/** A workflow task that has taken so long already begins no call. */
export const BEGUN_WITHIN_MS = 3 * SECOND_MS;
/** It waits so long for a call. */
const WAIT_MS = 2 * SECOND_MS;
/** A call that nobody has asked after by then is broken off. */
const FETCHED_WITHIN_MS = 10 * SECOND_MS;
/** So many at once; further ones are made by the activity that has a worker of its own for each. */
export const MOST_CALLS = 500;

/** What may break a call off: the context of an activity, or something that outlives it. */
export interface CallControl {
  readonly cancellationSignal: AbortSignal;
  readonly cancellationDetails: Pick<ActivityCancellationDetails, 'cancelRequested' | 'notFound'> | undefined;
}

/** A call that was made, how its run ends with it, if it does, and whether that is recorded. */
export interface MadeCall {
  made: EndedAttempt;
  end: RunEnd | undefined;
  isRecorded: boolean;
}

/** A call that goes on. */
interface CallUnderWay {
  result: Promise<MadeCall>;
  breakOff: (details: CallControl['cancellationDetails']) => void;
}

/** The calls that a process makes for itself, by the ids of their runs. */
export interface InFlightCalls {
  /** Where this process alone listens, for workflows that ask after its calls. */
  taskQueue: string;
  isUnderWay: (runId: string) => boolean;
  /** Tells whether another call may be begun here. */
  hasRoom: () => boolean;
  /** Begins the first call of a run, unless it is under way, and answers what came of it; undefined if it takes longer. */
  begin: (runId: string, make: (control: CallControl) => Promise<MadeCall>) => Promise<MadeCall | undefined>;
  /** The call of a run, for one who will wait for it; undefined if there is none here. */
  fetch: (runId: string) => CallUnderWay | undefined;
  /** Has nothing wait any more; resolves when all that goes on has been asked after, or will not be. */
  drain: () => Promise<void>;
}

interface Entry extends CallUnderWay {
  isFetched: boolean;
  unlessFetched?: NodeJS.Timeout;
}

export function createInFlightCalls(taskQueue: string, logger: Pick<Logger, 'warn'>): InFlightCalls {
  const calls = new Map<string, Entry>();
  const waits = new Set<() => void>();
  let isStopping = false;
  /** Called at each change of `calls`, by one who waits for it. */
  let changed: (() => void) | undefined;

  const remove = (runId: string, entry: Entry) => {
    clearTimeout(entry.unlessFetched);
    if (calls.get(runId) === entry) calls.delete(runId);
    changed?.();
  };

  const removeOnceOver = (runId: string, entry: Entry) => {
    const forget = () => remove(runId, entry);
    entry.result.then(forget, forget);
  };

  function start(runId: string, make: (control: CallControl) => Promise<MadeCall>): Entry {
    const controller = new AbortController();
    let details: CallControl['cancellationDetails'];
    const control = {
      cancellationSignal: controller.signal,
      get cancellationDetails() {
        return details;
      },
    };
    const entry: Entry = {
      result: make(control),
      isFetched: false,
      breakOff: (because) => {
        details ??= because;
        controller.abort();
      },
    };
    calls.set(runId, entry);
    return entry;
  }

  /** Leaves a call to whoever fetches it. */
  function leave(runId: string, entry: Entry): void {
    entry.result.catch(() => undefined);
    clearTimeout(entry.unlessFetched);
    entry.unlessFetched = setTimeout(() => {
      logger.warn(
        { runId },
        'nobody has asked after a call in time: its workflow has ended, or Temporal is away',
      );
      entry.breakOff(undefined);
      removeOnceOver(runId, entry);
    }, FETCHED_WITHIN_MS);
  }

  return {
    taskQueue,
    isUnderWay: (runId) => calls.has(runId),
    hasRoom: () => !isStopping && calls.size < MOST_CALLS,
    begin: (runId, make) =>
      new Promise((resolve, reject) => {
        const entry = calls.get(runId) ?? start(runId, make);
        // Taken up again, it is left again.
        clearTimeout(entry.unlessFetched);
        const end = () => {
          clearTimeout(timer);
          return waits.delete(goOn);
        };
        const goOn = () => {
          if (!end()) return;
          if (!entry.isFetched) leave(runId, entry);
          resolve(undefined);
        };
        const timer = setTimeout(goOn, isStopping ? 0 : WAIT_MS);
        waits.add(goOn);
        entry.result.then(
          (made) => {
            if (!end()) return;
            remove(runId, entry);
            resolve(made);
          },
          (error: Error) => {
            if (!end()) return;
            remove(runId, entry);
            reject(error);
          },
        );
      }),
    fetch: (runId) => {
      const entry = calls.get(runId);
      if (!entry) return undefined;
      entry.isFetched = true;
      clearTimeout(entry.unlessFetched);
      changed?.();
      removeOnceOver(runId, entry);
      return entry;
    },
    drain: async () => {
      isStopping = true;
      for (const goOn of [...waits]) goOn();
      while ([...calls.values()].some(({ isFetched }) => !isFetched))
        await new Promise<void>((resolve) => (changed = resolve));
    },
  };
}
