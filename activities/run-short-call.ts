import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { BegunRun } from '../db/begin-run.ts';
import type { RunEnd } from '../db/run-progress.ts';
import { runIdOf, type RunJobResult, type RunJobTask } from '../domain/run-job.ts';
import { isShortTarget } from '../domain/short-call.ts';
import { beginOfTask, isOpen } from './begin-run.ts';
import type { ActivityDependencies } from './dependencies.ts';
import type { EndedAttempt } from './ended-attempt.ts';
import { makeAttempt } from './make-attempt.ts';
import { placeholdersOf } from './placeholders.ts';
import { limitsFor, recordEnd, settle } from './record-end.ts';
import { fieldsOf, traceAttempt } from './trace-run.ts';

/** A run that goes on in the activity of its own: after a while, if its first call is to be made again. */
export interface RunGoesOn {
  state: 'goesOn';
  delayMs: number;
  /** A call that was made and could not be recorded. */
  made?: EndedAttempt;
}

/** A record that takes longer than this may take for ever: Temporal is to know of the call before. */
const RECORD_MS = 2_000;

/**
 * The local activity that makes the first call of a run whose job's calls are short (domain/short-call.ts), and records
 * it. Whatever else the run may need is left to `createRunTarget`. Done again after a crash it does not repeat what it has
 * recorded; and what it could not record it answers, so that Temporal keeps it.
 */
export function createRunShortCall(dependencies: ActivityDependencies) {
  const { db, logger, metrics } = dependencies;
  return async function runShortCall(task: RunJobTask): Promise<RunJobResult | RunGoesOn> {
    const run = await beginOfTask(db, task);
    if (!run) return { runId: runIdOf(task), state: 'skipped' };
    if (!isOpen(run)) return settle(run);
    const { target } = run;
    if (!isReady(run) || target.type !== 'http' || !isShortTarget(target))
      return { state: 'goesOn', delayMs: waitOf(run) };

    metrics.began(run, new Date(task.scheduledAt), new Date());
    const { made, end, isRecorded } = await traceAttempt(run, 1, async () => {
      const values = placeholdersOf(task, run.id, 1);
      const made = await makeAttempt(dependencies, Context.current(), run, target, values);
      return { made, ...(await tryToRecord(run, made)) };
    });
    if (!isRecorded) return { state: 'goesOn', delayMs: 0, made };
    if (end) return settle({ id: run.id, attempts: [made.attempt], ...end });
    return { state: 'goesOn', delayMs: made.retryDelayMs };
  };

  /** A record that comes after its time does no harm: it counts once. */
  async function tryToRecord(
    run: BegunRun,
    made: EndedAttempt,
  ): Promise<{ isRecorded: boolean; end: RunEnd | undefined }> {
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
