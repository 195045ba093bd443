import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { BegunRun } from '../db/runs/begin-run.ts';
import { runIdOf, type RunJobResult, type RunJobTask } from '../domain/run/workflow-contract.ts';
import { beginOfTask, isOpen } from './attempt/begin-run.ts';
import { toResult, type RunGoesOn } from './attempt/call-result.ts';
import { BEGUN_WITHIN_MS, type InFlightCalls, type MadeCall } from './attempt/in-flight-calls.ts';
import type { ActivityDependencies } from './attempt/dependencies.ts';
import type { EndedAttempt } from './attempt/ended-attempt.ts';
import { makeAttempt } from './attempt/make-attempt.ts';
import { placeholdersOf } from './call/placeholders.ts';
import { limitsFor, recordEnd, settle } from './attempt/record-end.ts';
import { fieldsOf, traceAttempt } from './attempt/trace-run.ts';

/** A record that takes longer than this may take for ever: Temporal is to know of the call before. */
const RECORD_MS = 2_000;

/**
 * The local activity that begins the first call of a run (domain/job/run-workflow.ts), and records it. A call that takes longer
 * than a moment goes on in this process, and is fetched by `createAwaitCall`; whatever else the run may need is left to
 * `createRunTarget`. Done again after a crash it does not repeat what it has recorded; and what it could not record it
 * answers, so that Temporal keeps it.
 */
export function createStartCall(dependencies: ActivityDependencies, calls: InFlightCalls) {
  const { db, logger, metrics } = dependencies;
  return async function startCall(task: RunJobTask): Promise<RunJobResult | RunGoesOn> {
    const startedAt = Date.now();
    const run = await beginOfTask(db, task);
    if (!run) return { runId: runIdOf(task), state: 'skipped' };
    if (!isOpen(run)) return settle(run);
    const { target } = run;
    // Where the database took so long, Temporal may have given the task to another worker.
    const isLate = Date.now() - startedAt > BEGUN_WITHIN_MS || Context.current().cancellationSignal.aborted;
    const isPossible = calls.isUnderWay(run.id) || (calls.hasRoom() && !isLate);
    if (!isReady(run) || target.type !== 'http' || !isPossible)
      return { state: 'goesOn', delayMs: waitOf(run) };

    const call = await calls.begin(run.id, (control) => {
      metrics.began(run, new Date(task.scheduledAt), new Date());
      return traceAttempt(run, 1, async () => {
        const made = await makeAttempt(dependencies, control, run, target, placeholdersOf(task, run.id, 1));
        return { made, ...(await tryToRecord(run, made)) };
      });
    });
    return call ? toResult(run.id, call) : { state: 'goesOn', delayMs: 0, taskQueue: calls.taskQueue };
  };

  /** A record that comes after its time does no harm: it counts once. */
  async function tryToRecord(run: BegunRun, made: EndedAttempt): Promise<Omit<MadeCall, 'made'>> {
    const record = recordEnd(dependencies, run, made).then((end) => ({ isRecorded: true, end }));
    const notYet = { isRecorded: false, end: undefined };
    const late = new AbortController();
    try {
      return await Promise.race([record, sleep(RECORD_MS, notYet, { signal: late.signal })]);
    } catch (error) {
      logger.warn({ err: error, ...fieldsOf(run) }, 'could not record a call yet');
      return notYet;
    } finally {
      late.abort();
    }
  }
}

/** How long a run waits that has made its first call before, if this activity is done again. */
function waitOf({ attempts, cancel_requested_at }: BegunRun): number {
  const retryAt = attempts.at(-1)?.retryAt ?? null;
  return retryAt === null || cancel_requested_at !== null ? 0 : Math.max(0, Date.parse(retryAt) - Date.now());
}

/** Tells whether a run may make its first call at once. The job may have got limits since its schedule was made. */
const isReady = (run: BegunRun) =>
  run.state === 'running' &&
  run.attempts.length === 0 &&
  run.cancel_requested_at === null &&
  limitsFor(run) === undefined;
