import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Database } from '../db/database.ts';
import {
  askForPermit,
  findPlaceInLine,
  grantPermits,
  listScopesWithRoom,
  lockScope,
  releaseEnded,
  startPermit,
  takeReminders,
  type GrantedRun,
  type PlaceInLine,
} from '../db/permits.ts';
import { setReason } from '../db/run-progress.ts';
import { formatDuration } from '../domain/duration.ts';
import type { Limits } from '../domain/limits.ts';
import { TURN_SIGNAL } from '../domain/turn-signal.ts';
import { concurrently } from '../platform/concurrently.ts';
import type { Logger } from '../platform/logger.ts';
import { withinDeadline } from './within-deadline.ts';

// Turns: a run whose job has limits asks for one before each attempt, and gives it back with the attempt's record. Then
// the next in line is told by a signal. What a process that died did not tell, the reconciler tells.

interface TurnDependencies {
  db: Database;
  temporal: Client;
  logger: Logger;
}

const CONCURRENCY = 8;
/** In case a limit is changed while a run waits. */
const LONGEST_WAIT_MS = 600_000;
/** A wait for a rate limit is no shorter, so that a clock that is a little off costs no second question. */
const SHORTEST_WAIT_MS = 20;

/** Whether a run may begin its attempt; if not, how long to wait unless it is told before. */
export type Turn = { state: 'begun' } | { state: 'waiting'; waitMs: number };

/** Asks for the turn of a run, for one attempt, and begins it if it has come. The run says what it waits for. */
export async function takeTurn(dependencies: TurnDependencies, runId: string, limits: Limits): Promise<Turn> {
  const { turn, granted } = await dependencies.db.transaction().execute(async (transaction) => {
    await lockScope(transaction, limits.scope);
    await askForPermit(transaction, runId, limits);
    const granted = await grantPermits(transaction, limits.scope);
    return { turn: await beginTurn(transaction, runId, limits), granted };
  });
  await wake(
    dependencies,
    granted.filter(({ id }) => id !== runId),
  );
  return turn;
}

async function beginTurn(transaction: Database, runId: string, limits: Limits): Promise<Turn> {
  if (await startPermit(transaction, runId)) {
    await setReason(transaction, runId, null);
    return { state: 'begun' };
  }
  const place = await findPlaceInLine(transaction, runId, limits);
  await setReason(transaction, runId, describeWait(place, limits));
  const waitMs = Math.max(SHORTEST_WAIT_MS, Math.min(place.rateWaitMs ?? Infinity, LONGEST_WAIT_MS));
  return { state: 'waiting', waitMs };
}

/** What a run waits for, in words. Pure. */
function describeWait({ ahead, underWay }: PlaceInLine, limits: Limits): string {
  const { shared, maxConcurrent, rateMax, ratePerMs } = limits;
  const line = ahead === 0 ? '' : `; ${ahead} wait before it`;
  return maxConcurrent !== undefined && underWay + ahead >= maxConcurrent
    ? `waits for its turn: ${underWay} of at most ${maxConcurrent} attempts ${shared} are under way${line}`
    : `waits for its turn: at most ${rateMax ?? 0} attempts ${shared} in ${formatDuration(ratePerMs ?? 0)}${line}`;
}

/** Grants what room there is in a scope, and tells those whose turn has come. Returns how many that are. */
export async function passOn(dependencies: TurnDependencies, scope: string): Promise<number> {
  const granted = await dependencies.db.transaction().execute(async (transaction) => {
    await lockScope(transaction, scope);
    return grantPermits(transaction, scope);
  });
  await wake(dependencies, granted);
  return granted.length;
}

/** Tells runs that their turn has come. Never throws: the reconciler tells them again. */
async function wake({ temporal, logger }: TurnDependencies, runs: GrantedRun[]): Promise<void> {
  await concurrently(runs, CONCURRENCY, async (run) => {
    const handle = temporal.workflow.getHandle(run.workflow_id, run.temporal_run_id ?? undefined);
    try {
      await withinDeadline(temporal, () => handle.signal(TURN_SIGNAL));
    } catch (error) {
      // A workflow that is closed has no need of its turn: the reconciler takes it back with the run's end.
      if (error instanceof WorkflowNotFoundError) return;
      logger.warn({ err: error, runId: run.id }, 'could not tell a run that its turn has come');
    }
  });
}

const AT_ONCE = 100;

/** Takes back the turns of runs that have ended, whoever died before passing them on, and grants what is free. */
export async function mendTurns(dependencies: TurnDependencies): Promise<number> {
  const { db } = dependencies;
  const released = await releaseEnded(db);
  let granted = 0;
  for (const scope of await listScopesWithRoom(db, AT_ONCE)) granted += await passOn(dependencies, scope);
  const reminded = await takeReminders(db, AT_ONCE);
  await wake(dependencies, reminded);
  return released + granted + reminded.length;
}
