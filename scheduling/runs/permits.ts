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
import { isDatabaseUnavailable } from '../../db/unavailable.ts';
import { formatDuration } from '../../domain/duration.ts';
import type { Limits } from '../../domain/job/limits.ts';
import { HOUR_MS } from '../../domain/milliseconds.ts';
import { reasonFor, type Reason } from '../../domain/run/reasons.ts';
import { describeTooLate, type RunDeadline } from '../../domain/run/run-deadline.ts';
import { PERMIT_SIGNAL } from '../../domain/run/temporal-names.ts';
import { concurrently } from '../../platform/concurrently.ts';
import type { Logger } from '../../platform/logger.ts';
import { createKeyedMutex } from '../../platform/keyed-mutex.ts';
import { withinDeadline } from '../temporal/within-deadline.ts';

// Turns: a run whose job has limits asks for one before each attempt, and gives it back with the attempt's record. Then
// the next in line is told by a signal. What a process that died did not tell, the reconciler tells.

interface PermitDependencies {
  db: Database;
  temporal: Client;
  logger: Logger;
}

const CONCURRENCY = 8;
/** In case a limit is changed while a run waits. */
const LONGEST_WAIT_MS = HOUR_MS;
/** A wait for a rate limit is no shorter, so that a clock that is a little off costs no second question. */
const SHORTEST_WAIT_MS = 100;

/** Of this process: who waits for the lock of a key holds no connection. */
const oneAtATime = createKeyedMutex();

/**
 * Whether a run may begin its attempt; if not, how long to wait unless it is told before, or why waiting is of no use: its
 * turn can't come before its deadline.
 */
export type Turn =
  { state: 'begun' } | { state: 'waiting'; waitMs: number } | { state: 'tooLate'; reason: Reason };

/** A run that asks for its turn. */
interface PermitRequest {
  id: string;
  deadline: RunDeadline | undefined;
}

/** Asks for the turn of a run, for one attempt, and begins it if it has come. The run says what it waits for. */
export async function acquirePermit(
  dependencies: PermitDependencies,
  run: PermitRequest,
  limits: Limits,
): Promise<Turn> {
  const { db } = dependencies;
  const { id: runId } = run;
  const { turn, granted } = await oneAtATime(limits.scope, () =>
    db.transaction().execute(async (transaction) => {
      await lockScope(transaction, limits.scope);
      await requestPermit(transaction, runId, limits);
      const granted = await grantPermits(transaction, limits.scope);
      return { turn: await startOrWait(transaction, run, limits), granted };
    }),
  );
  // Not waited for: the turn has begun, and its call is to be made now.
  const others = granted.filter(({ id }) => id !== runId);
  void wake(dependencies, others);
  return turn;
}

async function startOrWait(
  transaction: Database,
  { id: runId, deadline }: PermitRequest,
  limits: Limits,
): Promise<Turn> {
  if (await startPermit(transaction, runId)) {
    await setReason(transaction, runId, null);
    return { state: 'begun' };
  }
  const place = await findQueuePosition(transaction, runId, limits);
  const reason = describeWait(place, limits);
  const leftMs = deadline ? deadline.at.getTime() - Date.now() : Infinity;
  const earliestMs = deadline ? await findEarliestGrant(transaction, limits) : 0;
  if (deadline && earliestMs >= leftMs) {
    await removePermit(transaction, runId);
    const tooLate = `${reason}; ${describeTooLate('that', earliestMs, deadline)}`;
    return { state: 'tooLate', reason: reasonFor('permitTooLate', tooLate) };
  }
  await setReason(transaction, runId, reasonFor('waitsForPermit', reason));
  const untilMs = Math.min(place.rateWaitMs ?? Infinity, LONGEST_WAIT_MS, leftMs);
  const waitMs = Math.max(SHORTEST_WAIT_MS, untilMs);
  return { state: 'waiting', waitMs };
}

/** What a run waits for, in words. Pure. */
function describeWait({ ahead, underWay }: QueuePosition, limits: Limits): string {
  const { shared, maxConcurrent, rateMax, ratePerMs } = limits;
  const line = ahead === 0 ? '' : `; ${ahead} wait before it`;
  if (maxConcurrent !== undefined && underWay + ahead >= maxConcurrent)
    return `waits for its turn: ${underWay} of at most ${maxConcurrent} attempts ${shared} are under way${line}`;
  return rateMax === undefined || ratePerMs === undefined
    ? `waits for its turn among the attempts ${shared}${line}`
    : `waits for its turn: at most ${rateMax} attempts ${shared} in ${formatDuration(ratePerMs)}${line}`;
}

/** Grants what room there is in a scope, and tells those whose turn has come. Returns how many that are. */
export async function grantWaiting(dependencies: PermitDependencies, scope: string): Promise<number> {
  const granted = await oneAtATime(scope, () =>
    dependencies.db.transaction().execute(async (transaction) => {
      await lockScope(transaction, scope);
      return grantPermits(transaction, scope);
    }),
  );
  await wake(dependencies, granted);
  return granted.length;
}

/** Gives back the turn of a run that makes no call with it, or its place in line, and passes it on. */
export async function releasePermit(dependencies: PermitDependencies, runId: string): Promise<void> {
  const scope = await removePermit(dependencies.db, runId);
  if (scope !== undefined) await grantWaiting(dependencies, scope);
}

/** Tells runs that their turn has come. Never throws: the reconciler tells them again. */
async function wake({ db, temporal, logger }: PermitDependencies, runs: GrantedRun[]): Promise<void> {
  await concurrently(runs, CONCURRENCY, async (run) => {
    const handle = temporal.workflow.getHandle(run.workflow_id, run.temporal_run_id ?? undefined);
    try {
      await withinDeadline(temporal, () => handle.signal(PERMIT_SIGNAL));
    } catch (error) {
      // Of a workflow that is closed the sweeper finds out how the run ended, and its turn is taken back with it.
      const isClosed = error instanceof WorkflowNotFoundError;
      if (isClosed) await deferCheck(db, run.id, new Date()).catch(() => undefined);
      else logger.warn({ err: error, runId: run.id }, 'could not tell a run that its turn has come');
    }
  });
}

const AT_ONCE = 100;

/** Takes back the turns of runs that have ended, whoever died before passing them on, and grants what is free. */
export async function repairPermits(dependencies: PermitDependencies): Promise<number> {
  const { db, logger } = dependencies;
  const released = await releaseEnded(db);
  let granted = 0;
  for (const scope of await listScopesWithRoom(db, AT_ONCE)) {
    try {
      granted += await grantWaiting(dependencies, scope);
    } catch (error) {
      // One key that can not be dealt with now must not keep the others from it.
      if (isDatabaseUnavailable(error)) throw error;
      logger.warn({ err: error }, 'could not grant turns');
    }
  }
  const reminded = await takeReminders(db, AT_ONCE);
  await wake(dependencies, reminded);
  await checkHoldersSoon(db, AT_ONCE);
  return released + granted + reminded.length;
}
