import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { SECOND_MS } from '../domain/milliseconds.ts';
import type { Logger } from '../platform/logger.ts';
import type { Database } from './database.ts';
import { isDatabaseUnavailable, isStatementTimeout } from './unavailable.ts';

/** Reads a list, which may be a few seconds old. */
export type ReadList = <Result>(query: (db: Database) => Promise<Result>) => Promise<Result>;

/** A streaming replica, which is read from as long as it is fit: it answers, and does not lag. */
export interface Replica {
  /**
   * Runs a query on the replica if it holds everything that the primary held five seconds ago. Otherwise, or
   * if the replica fails, runs it on the primary.
   * @throws an error of the primary, or an error of the replica that comes from the query
   */
  readList: ReadList;
  /** Closes its connections, and waits two seconds at most for queries in progress. */
  stop: () => Promise<void>;
}

/** Data that is read from a replica is no older than this. */
const MAX_LAG_MS = 5 * SECOND_MS;
const CHECK_PERIOD_MS = SECOND_MS;
/** The end of this process waits this long for a replica that does not answer. */
const STOP_MS = 2 * SECOND_MS;

/** The replica has answered neither a query nor a check for some time. */
class ReplicaSilentError extends Error {
  constructor() {
    super('it does not answer');
    this.name = 'ReplicaSilentError';
  }
}

/** A position in the primary's log, and a time: everything committed by then lies before the position. */
interface Mark {
  at: number;
  position: bigint;
}

/**
 * Watches a replica: notes once a second where the primary's log ends, and how far the replica has replayed
 * it. The time of the last replayed transaction does not tell the lag, for it is old when nothing happens.
 * Nor does the position that the replica has received, for all of that is replayed while the two are cut off
 * from each other. The replica is not read from until it holds what the primary held when this was called,
 * and so has the schema of that time.
 */
export function watchReplica(dependencies: {
  primary: Database;
  replica: Database;
  logger: Logger;
}): Replica {
  const { primary, replica, logger } = dependencies;
  const abort = new AbortController();
  let marks: Mark[] = [];
  const startedAt = performance.now();
  /** The replica holds everything that was committed before this time, of the monotonic clock. */
  let completeTo = -Infinity;
  let wasFit: boolean | undefined;

  const isFit = () => performance.now() - completeTo <= MAX_LAG_MS;

  const check = async () => {
    const at = performance.now();
    const source = await findPrimaryPosition(primary).catch((error: unknown) => {
      throw new Error('the primary did not answer', { cause: error });
    });
    marks.push({ at, position: source.position });
    const copy = await findReplicaPosition(replica);
    if (copy.identity !== source.identity) throw new Error('it is not a replica of the primary');
    if (copy.position === null) throw new Error('it is not a replica: it takes writes');
    const replayed = copy.position;
    const reached = marks.findLast((mark) => mark.position <= replayed);
    if (reached) completeTo = Math.max(completeTo, reached.at);
    // Marks older than the one reached, or than the bound, are of no more use.
    marks = marks.filter((mark) => mark.at >= Math.max(completeTo, at - MAX_LAG_MS));
  };

  const logChange = (reason: string) => {
    const fit = isFit();
    if (fit === wasFit) return;
    wasFit = fit;
    if (fit) logger.info('lists are answered by the replica');
    else logger.warn({ reason }, 'lists are answered by the primary, not by the replica');
  };

  const running = (async () => {
    while (!abort.signal.aborted) {
      try {
        await Promise.race([check(), failSilent()]);
        // At the start, a replica may need a moment to catch up.
        if (isFit() || performance.now() - startedAt > MAX_LAG_MS)
          logChange(`it lags by more than ${MAX_LAG_MS} ms`);
      } catch (error) {
        completeTo = -Infinity;
        logChange(error instanceof Error ? error.message : String(error));
      }
      await sleep(CHECK_PERIOD_MS, undefined, { signal: abort.signal }).catch(() => undefined);
    }
  })();

  /** A frozen server refuses nothing: it is recognized by no longer replaying the log. */
  const unlessSilent = async <Result>(answer: Promise<Result>): Promise<Result> => {
    let timer: NodeJS.Timeout | undefined;
    const silent = new Promise<never>((_, reject) => {
      timer = setInterval(() => {
        if (!isFit()) reject(new ReplicaSilentError());
      }, MAX_LAG_MS);
    });
    try {
      return await Promise.race([answer, silent]);
    } finally {
      clearInterval(timer);
    }
  };

  return {
    readList: async (query) => {
      if (!isFit()) return query(primary);
      try {
        return await unlessSilent(query(replica));
      } catch (error) {
        if (!mayPrimarySucceed(error)) throw error;
        logger.debug({ err: error }, 'the replica could not answer; the primary does');
        return query(primary);
      }
    },
    stop: async () => {
      abort.abort();
      await Promise.race([running.then(() => replica.destroy()), sleep(STOP_MS)]);
    },
  };
}

async function failSilent(): Promise<never> {
  await sleep(MAX_LAG_MS);
  throw new ReplicaSilentError();
}

/** Tells whether the primary may succeed. A query that took too long would take too long again. Pure. */
const mayPrimarySucceed = (error: unknown) =>
  error instanceof ReplicaSilentError || (isDatabaseUnavailable(error) && !isStatementTimeout(error));

/** Equal for a server and its replicas, and different for others. */
const IDENTITY = sql<string>`(SELECT system_identifier FROM pg_control_system()) || '/' || current_database()`;

async function findPrimaryPosition(db: Database): Promise<{ identity: string; position: bigint }> {
  const { rows } = await sql<{ identity: string; position: string }>`
    SELECT ${IDENTITY} AS identity, pg_current_wal_lsn() - '0/0'::pg_lsn AS position`.execute(db);
  const [row] = rows;
  if (!row) throw new Error('the primary does not say where its log ends');
  return { identity: row.identity, position: BigInt(row.position) };
}

/** The position that a server has replayed; null if it is not a replica. */
async function findReplicaPosition(db: Database): Promise<{ identity: string; position: bigint | null }> {
  const { rows } = await sql<{ identity: string; position: string | null }>`
    SELECT ${IDENTITY} AS identity,
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() - '0/0'::pg_lsn END AS position`.execute(
    db,
  );
  const [row] = rows;
  if (!row) throw new Error('the replica does not say how far it has got');
  return { identity: row.identity, position: row.position === null ? null : BigInt(row.position) };
}
