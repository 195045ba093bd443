import { SECOND_MS } from '../../domain/milliseconds.ts';
import { CALL_LEASE_MS, type NextStep } from '../../domain/run/workflow-contract.ts';
import type { Logger } from '../../platform/logger.ts';
import type { CallControl } from './make.ts';

// The first calls of runs, which this process makes outside of any activity. The local activity that
// starts a call waits for it a little, and then detaches: the call stays in flight here, and another
// activity attaches to it, on a task queue that only this process polls.

// A call has ended or was aborted before Temporal could start it in another process. Without an activity that
// attaches to it, it may be in flight for CALL_LEASE_MS from when Temporal gave the workflow task to this process,
// which has a longer timeout (domain/job/run-workflow.ts). With one, as long as Temporal hears that (liveness.ts).

/** A workflow task that has taken longer than this starts no call. */
export const START_WITHIN_MS = 3 * SECOND_MS;
/** How long the local activity waits for a call before it detaches. */
const WAIT_MS = 2 * SECOND_MS;
/** Calls in flight in one process. Further ones are made by the activity `runHttpTarget`. */
export const MAX_IN_FLIGHT_CALLS = 500;

/** A call in flight. */
interface InFlightCall {
  /**
   * The step that follows the call. Rejects if the run failed with it, or if the call was aborted
   * without a record.
   */
  step: Promise<NextStep>;
  /** Aborts the call. With `details` that say that the run was cancelled, that is recorded. */
  abort: (details: CallControl['cancellationDetails']) => void;
}

/** The calls in flight in one process, by the ids of their runs. */
export interface InFlightCalls {
  /** Only this process polls it. */
  taskQueue: string;
  /** Tells whether this process may start another call. */
  hasCapacity: () => boolean;
  /**
   * Starts the call of a run, unless it is in flight already, and waits for it a little. Undefined if
   * it takes longer: then the call is detached. `taskAgeMs` ago Temporal gave the workflow task to this process.
   */
  start: (
    runId: string,
    taskAgeMs: number,
    make: (control: CallControl) => Promise<NextStep>,
  ) => Promise<NextStep | undefined>;
  /**
   * Waits in the same way for a call that is in flight already, which may go on by a newer workflow task. Undefined if there
   * is none.
   */
  join: (runId: string, taskAgeMs: number) => Promise<NextStep | undefined> | undefined;
  /** The call of a run, for an activity that will wait for it; undefined if it is not in flight here. */
  attach: (runId: string) => InFlightCall | undefined;
  /** Starts no further calls, detaches those that are waited for, and resolves once none is detached. */
  drain: () => Promise<void>;
}

interface Entry extends InFlightCall {
  isAttached: boolean;
  /** Aborts the call unless an activity attaches to it. */
  abortTimer?: NodeJS.Timeout;
}

/** The calls in flight in this process; `taskQueue` is for this process alone. */
export function createInFlightCalls(taskQueue: string, logger: Pick<Logger, 'warn'>): InFlightCalls {
  const calls = new Map<string, Entry>();
  /** Each makes a `start` that waits detach. */
  const detachers = new Set<() => void>();
  let isDraining = false;
  /** Called after each change of `calls`. */
  let onChange: (() => void) | undefined;

  const remove = (runId: string, entry: Entry) => {
    clearTimeout(entry.abortTimer);
    if (calls.get(runId) === entry) calls.delete(runId);
    onChange?.();
  };

  const removeAtEnd = (runId: string, entry: Entry) => {
    const forget = () => remove(runId, entry);
    entry.step.then(forget, forget);
  };

  function add(runId: string, make: (control: CallControl) => Promise<NextStep>): Entry {
    const controller = new AbortController();
    let details: CallControl['cancellationDetails'];
    const control = {
      cancellationSignal: controller.signal,
      get cancellationDetails() {
        return details;
      },
    };
    const entry: Entry = {
      step: make(control),
      isAttached: false,
      abort: (because) => {
        details ??= because;
        controller.abort();
      },
    };
    calls.set(runId, entry);
    return entry;
  }

  /** Has a call aborted that nothing attaches to in time. The timer of a process that was frozen fires as it wakes. */
  function limit(runId: string, entry: Entry, taskAgeMs: number): void {
    if (entry.isAttached) return;
    clearTimeout(entry.abortTimer);
    entry.abortTimer = setTimeout(() => {
      logger.warn(
        { runId },
        'aborts a call that no activity waits for: its workflow has ended, or Temporal is away',
      );
      entry.abort(undefined);
      removeAtEnd(runId, entry);
    }, CALL_LEASE_MS - taskAgeMs);
  }

  /** Waits a little for the end of a call. */
  function wait(runId: string, entry: Entry, taskAgeMs: number): Promise<NextStep | undefined> {
    return new Promise((resolve, reject) => {
      limit(runId, entry, taskAgeMs);
      const stopWaiting = () => {
        clearTimeout(timer);
        return detachers.delete(onTimeout);
      };
      const onTimeout = () => {
        if (!stopWaiting()) return;
        // The activity that attaches handles a rejection.
        entry.step.catch(() => undefined);
        resolve(undefined);
      };
      const timer = setTimeout(onTimeout, isDraining ? 0 : WAIT_MS);
      detachers.add(onTimeout);
      entry.step.then(
        (step) => {
          if (!stopWaiting()) return;
          remove(runId, entry);
          resolve(step);
        },
        (error: Error) => {
          if (!stopWaiting()) return;
          remove(runId, entry);
          reject(error);
        },
      );
    });
  }

  return {
    taskQueue,
    hasCapacity: () => !isDraining && calls.size < MAX_IN_FLIGHT_CALLS,
    start: (runId, taskAgeMs, make) => wait(runId, calls.get(runId) ?? add(runId, make), taskAgeMs),
    join: (runId, taskAgeMs) => {
      const entry = calls.get(runId);
      return entry && wait(runId, entry, taskAgeMs);
    },
    attach: (runId) => {
      const entry = calls.get(runId);
      if (!entry) return undefined;
      entry.isAttached = true;
      clearTimeout(entry.abortTimer);
      onChange?.();
      removeAtEnd(runId, entry);
      return entry;
    },
    drain: async () => {
      isDraining = true;
      for (const detachNow of [...detachers]) detachNow();
      while ([...calls.values()].some(({ isAttached }) => !isAttached))
        await new Promise<void>((resolve) => (onChange = resolve));
    },
  };
}
