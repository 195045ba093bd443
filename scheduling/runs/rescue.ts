import type { WorkflowExecutionDescription } from '@temporalio/client';
import { findJobOrTombstone } from '../../db/jobs/jobs.ts';
import { compareSoon } from '../../db/jobs/drift.ts';
import { deferCheck, listRunsToCheck, startAnew } from '../../db/runs/open-runs.ts';
import { CANCELLED, endRun, setReason } from '../../db/runs/run-progress.ts';
import type { JobRow, RunRow } from '../../db/schema.ts';
import { isConnectionLost } from '../../db/unavailable.ts';
import { isCallInFlight } from '../../domain/run/attempt-holder.ts';
import { isHook } from '../../domain/run/hook-trigger.ts';
import { workflowIdOfRun } from '../../domain/run/ids.ts';
import { reasonCodeOf, reasonFor } from '../../domain/run/reasons.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import { CALL_LEASE_MS } from '../../domain/run/workflow-contract.ts';
import { ServerAwayError } from '../../platform/circuit-breaker.ts';
import { concurrently } from '../../platform/concurrently.ts';
import { forEachIsolated } from '../../platform/for-each-isolated.ts';
import type { SyncDependencies } from '../schedules/sync.ts';
import { isUnreachable } from '../temporal/temporal-errors.ts';
import { LATEST_CHECK_MS, NEXT_CHECK_MS, SOONEST_CHECK_MS, WAIT_MS } from './check-times.ts';
import { findEnd, timedOut } from './recovered-end.ts';
import { runLogFields } from './run-fields.ts';
import { cancelWorkflow, describeWorkflow, terminateWorkflow } from './run-workflow.ts';
import { rescueUnknownRun } from './unknown-run.ts';
import { findWaitForWorker } from './waiting-for-worker.ts';
import { findWrongStart } from './wrong-start.ts';

// The rescue of open runs: asks Temporal about every run that has not ended by our records, and records what
// became of it, whichever process died.

/** Jobs whose runs are rescued at once. */
const CONCURRENCY = 8;
/** A worker has this long to record the end of a run after its workflow has closed. */
const RECORD_GRACE_MS = 5 * SECOND_MS;
/** A worker that does not hear that a workflow has closed goes on with its call for this long. */
const CALL_GRACE_MS = CALL_LEASE_MS + 1 * SECOND_MS;
/** This long after its deadline, a run has no worker that would end it. */
const OVERDUE_MS = 5 * SECOND_MS;

/**
 * Rescues the open runs whose check is due, one batch of them, until the time is over. Returns how many runs
 * it began. A run that fails is checked later, and keeps none of the others from being rescued.
 * @throws the error that says that the database or Temporal is away
 */
export async function rescueOpenRuns(
  dependencies: SyncDependencies,
  { now, isOver }: { now: Date; isOver: () => boolean },
  limit: number,
): Promise<number> {
  const { db, logger } = dependencies;
  const isolation = {
    // The runs of one job are rescued one after another, by nominal time: what becomes of one decides on the next.
    concurrency: 1,
    isOver,
    isFatal: (error: unknown) => error instanceof ServerAwayError || isConnectionLost(error),
    onFailure: async (run: RunRow, error: unknown) => {
      logger.error({ err: error, ...runLogFields(run) }, 'could not rescue a run');
      // A check that took too long is not tried again at once, so that other runs come first.
      const waitMs = isUnreachable(error) ? WAIT_MS : LATEST_CHECK_MS;
      await deferCheck(db, run.id, new Date(now.getTime() + waitMs));
      await compareSoon(db, [run.job_id], now);
    },
  };
  const byJob = new Map<string, RunRow[]>();
  for (const run of await listRunsToCheck(db, now, limit))
    byJob.set(run.job_id, [...(byJob.get(run.job_id) ?? []), run]);
  let begun = 0;
  await concurrently(byJob.entries(), CONCURRENCY, async ([jobId, runs]) => {
    runs.sort((a, b) => a.scheduled_at.getTime() - b.scheduled_at.getTime());
    let job: JobRow | undefined;
    begun += await forEachIsolated(runs, isolation, async (run) => {
      job ??= await findJobOrTombstone(db, jobId);
      if (job) await rescueRun(dependencies, job, run, now);
    });
  });
  return begun;
}

async function rescueRun(dependencies: SyncDependencies, job: JobRow, run: RunRow, now: Date): Promise<void> {
  const { db, temporal, breaker, taskQueue } = dependencies;
  const later = (ms: number) => new Date(now.getTime() + ms);
  const found = await breaker.attempt(() => describeWorkflow(temporal, run));
  if (!found) return rescueUnknownRun(dependencies, job, run, now);
  const wrong = await breaker.attempt(() => findWrongStart(temporal, found, run, taskQueue));
  if (wrong !== undefined) return replaceWorkflow(dependencies, run, found, wrong, now);
  const { closeTime: closedAt } = found;
  const isCancelRequested = run.cancel_requested_at !== null;
  if (!closedAt && isCancelRequested) {
    await breaker.attempt(() => cancelWorkflow(temporal, run));
    return deferCheck(db, run.id, later(WAIT_MS), found.runId);
  }
  const overdueMs = now.getTime() - (run.deadline?.getTime() ?? Infinity);
  if (!closedAt && overdueMs > OVERDUE_MS) {
    await endRun(db, run.id, timedOut(job, run), run.deadline ?? now);
    await breaker.attempt(() => cancelWorkflow(temporal, run));
    return;
  }
  if (!closedAt) {
    const ageMs = now.getTime() - (run.started_at ?? run.scheduled_at).getTime();
    const byAgeMs = Math.min(Math.max(ageMs, SOONEST_CHECK_MS), LATEST_CHECK_MS);
    const waitMs = Math.max(NEXT_CHECK_MS, Math.min(byAgeMs, OVERDUE_MS - overdueMs));
    await noteWaitForWorker(dependencies, job, run, found, now);
    return deferCheck(db, run.id, later(waitMs), found.runId);
  }
  const closedMs = now.getTime() - closedAt.getTime();
  // Its permit is released with it, so nobody may make its call any more. A run that was cancelled between two attempts has
  // no worker that would record its end.
  const graceMs = isCallInFlight(run) ? CALL_GRACE_MS : isCancelRequested ? 0 : RECORD_GRACE_MS;
  if (closedMs < graceMs) return deferCheck(db, run.id, later(WAIT_MS));
  const end = await findEnd(temporal, found, job, run);
  const endedAt = (end.state === 'timedOut' && run.deadline) || closedAt;
  await endRun(db, run.id, isCancelRequested && end.state === 'failed' ? CANCELLED : end, endedAt);
}

/**
 * Ends a workflow that can never carry out its run, and has the run started again under the rules for an occurrence
 * that Temporal left out. Its workflow id is taken, so the new workflow has one of its own.
 */
async function replaceWorkflow(
  { db, temporal, breaker, logger }: SyncDependencies,
  run: RunRow,
  found: WorkflowExecutionDescription,
  wrong: string,
  now: Date,
): Promise<void> {
  const why = reasonFor('startedWrongly', `Temporal had started ${wrong} in its place; it is started again`);
  logger.warn({ ...runLogFields(run), workflowId: run.workflow_id }, why.reason);
  if (!found.closeTime) await breaker.attempt(() => terminateWorkflow(temporal, run, why.reason));
  const checkAt = new Date(now.getTime() + NEXT_CHECK_MS);
  await startAnew(db, run.id, { workflowId: workflowIdOfRun(run.id), checkAt, ...why });
  await compareSoon(db, [run.job_id], now);
}

/** Stores, as the reason of a run, that it waits for a worker of the job's author, or that it no longer does. */
async function noteWaitForWorker(
  { db, temporal, breaker, logger }: SyncDependencies,
  job: JobRow,
  run: RunRow,
  found: WorkflowExecutionDescription,
  now: Date,
): Promise<void> {
  const { target } = job;
  if (target.type === 'http' || run.state !== 'running' || isHook(run.trigger)) return;
  const wait = await breaker.attempt(() => findWaitForWorker(temporal, found, target, now));
  // A run that waits for a permit keeps saying so.
  if (wait === null && reasonCodeOf({ ...run, reasonCode: run.reason_code }) !== 'waitsForWorker') return;
  if (wait !== null) logger.warn({ ...runLogFields(run), taskQueue: target.taskQueue }, wait.reason);
  await setReason(db, run.id, wait);
}
