import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Database } from '../../db/database.ts';
import {
  requestPermit,
  checkHoldersSoon,
  findEarliestGrant,
  findQueuePosition,
  grantPermits,
  listScopesWithRoom,
  lockScope,
  releaseEnded,
  removePermit,
  startPermit,
  takeReminders,
  type GrantedRun,
  type QueuePosition,
} from '../../db/runs/permits.ts';
import { deferCheck } from '../../db/runs/open-runs.ts';
import { setReason } from '../../db/runs/run-progress.ts';
import { isConnectionLost } from '../../db/unavailable.ts';
import { formatDuration } from '../../domain/duration.ts';
import type { Limits } from '../../domain/job/limits.ts';
import { HOUR_MS } from '../../domain/milliseconds.ts';
import { reasonFor, type Reason } from '../../domain/run/reasons.ts';
import { describeTooLate, type RunDeadline } from '../../domain/run/run-deadline.ts';
import { PERMIT_SIGNAL } from '../../domain/run/workflow-contract.ts';
import { concurrently } from '../../platform/concurrently.ts';
import { forEachIsolated } from '../../platform/for-each-isolated.ts';
import type { KeyedMutex } from '../../platform/keyed-mutex.ts';
import type { Logger } from '../../platform/logger.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';

// The semaphore of each scope of limits. A run whose job has limits acquires a permit before each attempt,
// and releases it with the attempt's record. A release grants permits to the runs that wait, in the order of
// the queue, and a signal tells each of them. The reconciler makes up for processes that died in between.

export interface PermitDependencies {
  db: Database;
  temporal: Client;
  logger: Logger;
  /**
   * Of this process, by scope. Waiting for it holds no database connection; waiting for the lock of the scope
   * does.
   */
  permitMutex: KeyedMutex;
}

/** Signals sent at once. */
const CONCURRENCY = 8;
/** The longest wait without asking again, for a limit may be changed meanwhile. */
const LONGEST_WAIT_MS = HOUR_MS;
/** The shortest wait for a rate limit: a clock that is slightly off costs no second request. */
const SHORTEST_WAIT_MS = 100;

/** What became of a request for a permit. */
export type PermitResult =
  /** The attempt may begin, and the caller is its holder, with this fencing token. */
  | { state: 'acquired'; token: number }
  /** The run is in the queue, and asks again after this time unless a signal comes before. */
  | { state: 'waiting'; waitMs: number }
  /** No permit can be granted before the run's deadline. The run has left the queue. */
  | { state: 'tooLate'; reason: Reason };

/** A run that needs a permit. */
interface PermitRequest {
  id: string;
  deadline: RunDeadline | undefined;
  holder: Parameters<typeof startPermit>[2];
}

/** Acquires a permit for one attempt of a run, or puts the run in the queue, with the reason that it then shows. */
export async function acquirePermit(
  dependencies: PermitDependencies,
  run: PermitRequest,
  limits: Limits,
): Promise<PermitResult> {
  const { db, permitMutex } = dependencies;
  const { id: runId } = run;
  const { result, granted } = await permitMutex(limits.scope, () =>
    db.transaction().execute(async (transaction) => {
      await lockScope(transaction, limits.scope);
      await requestPermit(transaction, runId, limits);
      const granted = await grantPermits(transaction, limits.scope);
      return { result: await startOrWait(transaction, run, limits), granted };
    }),
  );
  // Not awaited: this run's own call is to begin now.
  const others = granted.filter(({ id }) => id !== runId);
  void signalGranted(dependencies, others);
  return result;
}

async function startOrWait(
  transaction: Database,
  { id: runId, deadline, holder }: PermitRequest,
  limits: Limits,
): Promise<PermitResult> {
  const token = await startPermit(transaction, runId, holder);
  if (token !== undefined) return { state: 'acquired', token };
  const position = await findQueuePosition(transaction, runId, limits);
  const reason = describeWait(position, limits);
  const leftMs = deadline ? deadline.at.getTime() - Date.now() : Infinity;
  const earliestMs = deadline ? await findEarliestGrant(transaction, limits) : 0;
  if (deadline && earliestMs >= leftMs) {
    await removePermit(transaction, runId);
    const tooLate = `${reason}; ${describeTooLate('that', earliestMs, deadline)}`;
    return { state: 'tooLate', reason: reasonFor('permitTooLate', tooLate) };
  }
  await setReason(transaction, runId, reasonFor('waitsForPermit', reason));
  const untilMs = Math.min(position.rateWaitMs ?? Infinity, LONGEST_WAIT_MS, leftMs);
  return { state: 'waiting', waitMs: Math.max(SHORTEST_WAIT_MS, untilMs) };
}

/** The words of the reason that a waiting run shows. Pure. */
function describeWait({ ahead, underWay }: QueuePosition, limits: Limits): string {
  const { shared, maxConcurrent, rateMax, ratePerMs } = limits;
  const queue = ahead === 0 ? '' : `; ${ahead} wait before it`;
  if (maxConcurrent !== undefined && underWay + ahead >= maxConcurrent)
    return `waits for a permit: ${underWay} of at most ${maxConcurrent} attempts ${shared} are under way${queue}`;
  return rateMax === undefined || ratePerMs === undefined
    ? `waits for a permit among the attempts ${shared}${queue}`
    : `waits for a permit: at most ${rateMax} attempts ${shared} in ${formatDuration(ratePerMs)}${queue}`;
}

/** Grants the permits that a scope has room for, and signals their runs. Returns how many it granted. */
export async function grantWaiting(dependencies: PermitDependencies, scope: string): Promise<number> {
  const { db, permitMutex } = dependencies;
  const granted = await permitMutex(scope, () =>
    db.transaction().execute(async (transaction) => {
      await lockScope(transaction, scope);
      return grantPermits(transaction, scope);
    }),
  );
  await signalGranted(dependencies, granted);
  return granted.length;
}

/**
 * Releases the permit of a run that makes no call with it, or takes the run out of the queue, and grants the
 * next ones. With `token`, only the permit of that holder.
 */
export async function releasePermit(
  dependencies: PermitDependencies,
  runId: string,
  token?: number,
): Promise<void> {
  const scope = await removePermit(dependencies.db, runId, token);
  if (scope !== undefined) await grantWaiting(dependencies, scope);
}

/** Signals runs that they have a permit. Never throws: the reconciler signals them again. */
async function signalGranted(
  { db, temporal, logger }: PermitDependencies,
  runs: GrantedRun[],
): Promise<void> {
  await concurrently(runs, CONCURRENCY, async (run) => {
    const handle = temporal.workflow.getHandle(run.workflow_id, run.temporal_run_id ?? undefined);
    try {
      await withinDeadline(temporal, () => handle.signal(PERMIT_SIGNAL));
    } catch (error) {
      // A rescue finds out how a closed workflow ended. The permit is released with the end of its run.
      const isClosed = error instanceof WorkflowNotFoundError;
      if (isClosed) await deferCheck(db, run.id, new Date()).catch(() => undefined);
      else logger.warn({ err: error, runId: run.id }, 'could not signal a run that it has a permit');
    }
  });
}

/** Scopes, or runs, in one pass of the reconciler. */
const BATCH = 100;

/**
 * Releases the permits of runs that have ended, grants permits where there is room, and signals again runs
 * that have not begun. Returns how many permits that were. A scope that fails keeps none of the others from
 * it.
 * @throws the error that says that the database is away
 */
export async function repairPermits(
  dependencies: PermitDependencies,
  isOver: () => boolean,
): Promise<number> {
  const { db, logger } = dependencies;
  const released = await releaseEnded(db);
  const scopes = await listScopesWithRoom(db, BATCH);
  const onFailure = (scope: string, error: unknown) =>
    logger.warn({ err: error, scope }, 'could not grant permits');
  let granted = 0;
  await forEachIsolated(
    scopes,
    { concurrency: 1, isOver, isFatal: isConnectionLost, onFailure },
    async (scope) => {
      granted += await grantWaiting(dependencies, scope);
    },
  );
  const reminded = await takeReminders(db, BATCH);
  await signalGranted(dependencies, reminded);
  await checkHoldersSoon(db, BATCH);
  return released + granted + reminded.length;
}
