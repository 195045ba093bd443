import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { abandonAttempt } from '../db/runs/attempt-holder.ts';
import type { BegunRun } from '../db/runs/begin-run.ts';
import { runIdOf } from '../domain/run/ids.ts';
import {
  encodeStep,
  type AttemptResult,
  type NextStep,
  type RunJobTask,
  type StepOnWire,
} from '../domain/run/workflow-contract.ts';
import { beginAttempt } from './attempt/begin.ts';
import type { ActivityDependencies } from './attempt/context.ts';
import { START_WITHIN_MS, type InFlightCalls } from './attempt/in-flight-calls.ts';
import { completeAttempt, makeAttempt } from './attempt/make.ts';
import { recordResult, type Recorded } from './attempt/record.ts';
import { tracedRunLogFields } from './attempt/trace.ts';

/** A record that takes longer goes to Temporal as `unrecorded`, before the timeout of the workflow task. */
const RETURN_UNRECORDED_AFTER_MS = 2_000;

/**
 * The local activity that makes the first call of a run (domain/job/run-workflow.ts), and records it. A
 * call that takes longer than a moment stays in flight in this process, and the activity of
 * await-call.ts attaches to it. Everything else is left to the activity of run-target.ts. Doing it
 * again after a crash repeats nothing that is recorded.
 * @throws ApplicationFailure if the run failed
 */
export function createStartCall(dependencies: ActivityDependencies, calls: InFlightCalls) {
  const { logger } = dependencies;
  const attach: NextStep = { next: 'attach', taskQueue: calls.taskQueue };
  /** `taskStartedAt` is when Temporal gave the workflow task to this worker, in milliseconds since 1970. */
  return async function startCall(task: RunJobTask, taskStartedAt?: number): Promise<StepOnWire> {
    return encodeStep(runIdOf(task), await makeFirstCall(task, taskStartedAt), 'goesOn');
  };

  async function makeFirstCall(task: RunJobTask, taskStartedAt = Date.now()): Promise<NextStep> {
    const startedAt = performance.now();
    const waitedMs = Math.max(0, Date.now() - taskStartedAt);
    const taskAgeMs = () => waitedMs + performance.now() - startedAt;
    // A local activity that Temporal starts again goes on with the call that is in flight here.
    const joined = calls.join(runIdOf(task), taskAgeMs());
    if (joined) return (await joined) ?? attach;
    const ready = await beginAttempt(dependencies, task);
    if ('next' in ready) return ready;
    const { run } = ready;
    const { target } = run;
    // After this time, Temporal may have given the workflow task to another worker.
    const isLate = taskAgeMs() > START_WITHIN_MS || Context.current().cancellationSignal.aborted;
    if (target.type !== 'http' || isLate || !calls.hasCapacity()) {
      await abandonAttempt(dependencies.db, run.id, ready.token);
      return { next: 'retry', delayMs: 0 };
    }

    const step = await calls.start(run.id, taskAgeMs(), (control) =>
      completeAttempt(
        ready,
        () => makeAttempt(dependencies, control, ready, target),
        (result) => recordInTime(run, result),
      ),
    );
    return step ?? attach;
  }

  /** A record that arrives after its time does no harm: it counts once. */
  async function recordInTime(run: BegunRun, result: AttemptResult): Promise<Recorded> {
    const late = new AbortController();
    try {
      return await Promise.race([
        recordResult(dependencies, run, result),
        sleep(RETURN_UNRECORDED_AFTER_MS, 'unrecorded' as const, { signal: late.signal }),
      ]);
    } catch (error) {
      logger.warn({ err: error, ...tracedRunLogFields(run) }, 'could not record a call yet');
      return 'unrecorded';
    } finally {
      late.abort();
    }
  }
}
