import { sql } from 'kysely';
import type { Limits } from '../../domain/job/limits.ts';
import type { Database } from '../database.ts';
import type { RunRow } from '../schema.ts';
import { holderOf, lostCallsAt, newToken, NEXT_NUMBER, RUN_TOKEN, type NewHolder } from './attempt-holder.ts';

// Permits of attempts whose job has limits. A run's request inserts a row. The row waits in the queue of its
// scope until it is granted, is held until it is released, and counts for a rate limit for some time after
// that. Permits are granted under the lock of the scope, so that no two processes grant the same room.

/**
 * A call arrives at its target within this time after its permit was started: connecting may take ten
 * seconds, and a process may be slow. `rateLimit` is about when calls arrive.
 */
const ARRIVAL = sql`interval '15 s'`;

/** A run that does not start its permit within this time is signalled again. */
const REMIND_AFTER = sql`interval '5 s'`;

/** The columns of a permit that is released now. */
export const RELEASED = sql`
  released_at  = clock_timestamp(),
  counts_until = CASE WHEN permits.started_at IS NULL OR permits.rate_per_ms IS NULL THEN clock_timestamp()
                      ELSE least(clock_timestamp(), permits.started_at + ${ARRIVAL})
                           + permits.rate_per_ms * interval '1 ms' END`;

/** A run to be signalled that it has a permit. */
export type GrantedRun = Pick<RunRow, 'id' | 'workflow_id' | 'temporal_run_id'>;

/** Locks a scope until the transaction ends: no other transaction grants permits of it. */
export async function lockScope(transaction: Database, scope: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${scope}, 0))`.execute(transaction);
}

/**
 * Puts a run into the queue of its scope, or leaves it where it is. A permit that the run has started before
 * is released, for its call has arrived by now, and the run requests another one from the same position.
 */
export async function requestPermit(transaction: Database, runId: string, limits: Limits): Promise<void> {
  const { rows } = await sql<{ asked_at: Date }>`
    UPDATE permits SET ${RELEASED}
    WHERE run_id = ${runId} AND released_at IS NULL AND started_at IS NOT NULL
    RETURNING asked_at`.execute(transaction);
  const askedAt = rows[0]?.asked_at ?? null;
  await sql`
    INSERT INTO permits (run_id, scope, max_concurrent, rate_max, rate_per_ms, asked_at)
    VALUES (${runId}, ${limits.scope}, ${limits.maxConcurrent ?? null}, ${limits.rateMax ?? null},
            ${limits.ratePerMs ?? null}, coalesce(${askedAt}::timestamptz, clock_timestamp()))
    ON CONFLICT (run_id) WHERE released_at IS NULL DO UPDATE SET
      scope = excluded.scope, max_concurrent = excluded.max_concurrent,
      rate_max = excluded.rate_max, rate_per_ms = excluded.rate_per_ms,
      -- A grant under another key is no grant under this one.
      granted_at = CASE WHEN permits.scope = excluded.scope THEN permits.granted_at END,
      remind_at  = CASE WHEN permits.scope = excluded.scope THEN permits.remind_at END`.execute(transaction);
}

/**
 * Until when a permit counts for a rate limit. For a held permit, it is as if its call arrived as late as
 * possible.
 */
const COUNTS_UNTIL = sql`
  CASE WHEN released_at IS NOT NULL THEN counts_until
       WHEN started_at IS NULL THEN 'infinity'
       ELSE started_at + ${ARRIVAL} + coalesce(rate_per_ms, 0) * interval '1 ms' END`;

const HELD = (scope: unknown) => sql`scope = ${scope} AND granted_at IS NOT NULL AND released_at IS NULL`;
const RECENT = (scope: unknown) =>
  sql`scope = ${scope} AND granted_at IS NOT NULL AND released_at IS NOT NULL AND counts_until > statement_timestamp()`;

/** How many permits of a scope are held, and how many count for its rate. Each part has an index of its own. */
const USED = (scope: unknown) => sql`
  SELECT (SELECT count(*) FROM permits WHERE ${HELD(scope)}) AS under_way,
         (SELECT count(*) FROM permits WHERE ${HELD(scope)} AND ${COUNTS_UNTIL} > statement_timestamp())
         + (SELECT count(*) FROM permits WHERE ${RECENT(scope)}) AS recent`;

const FITS = sql`
  (max_concurrent IS NULL OR under_way + ahead < max_concurrent) AND (rate_max IS NULL OR recent + ahead < rate_max)`;

/** Grants permits in the order of the queue, as far as the limits leave room. Returns the runs that may begin. */
export async function grantPermits(transaction: Database, scope: string): Promise<GrantedRun[]> {
  const { rows } = await sql<GrantedRun>`
    -- How much of the limits is used.
    WITH used AS (${USED(scope)}),
    -- The first requests that wait.
    queue AS (
      SELECT id, max_concurrent, rate_max, row_number() OVER (ORDER BY asked_at, id) - 1 AS ahead
      FROM permits WHERE scope = ${scope} AND granted_at IS NULL AND released_at IS NULL
      ORDER BY asked_at, id LIMIT 1000
    ),
    -- Whether each fits, together with all that wait before it.
    fitting AS (
      SELECT id, bool_and(${FITS}) OVER (ORDER BY ahead) AS fits FROM queue, used
    )
    UPDATE permits SET granted_at = clock_timestamp(), remind_at = clock_timestamp() + ${REMIND_AFTER}
    FROM fitting, runs
    WHERE permits.id = fitting.id AND fits AND runs.id = permits.run_id
    RETURNING runs.id, runs.workflow_id, runs.temporal_run_id`.execute(transaction);
  return rows;
}

/**
 * Begins the attempt for which a run was granted a permit: the caller becomes its holder, and the run waits for nothing any
 * more. Returns the fencing token, which is larger than all of the scope; undefined if the run was granted no permit.
 */
export async function startPermit(
  transaction: Database,
  runId: string,
  holder: NewHolder & { isDelegated: boolean },
): Promise<number | undefined> {
  const ofScope = sql`(SELECT max(token) FROM permits AS other WHERE other.scope = permits.scope)`;
  const { rows } = await sql<{ token: string }>`
    WITH started AS (
      UPDATE permits SET started_at = clock_timestamp(), remind_at = NULL, token = ${newToken(ofScope, RUN_TOKEN)}
      FROM runs
      WHERE runs.id = permits.run_id AND run_id = ${runId} AND granted_at IS NOT NULL AND released_at IS NULL
      RETURNING permits.run_id, permits.token
    )
    UPDATE runs SET
      reason = NULL, reason_code = NULL,
      holder = ${holderOf(holder, { token: sql.ref('started.token'), number: NEXT_NUMBER, isDelegated: sql`${holder.isDelegated}::boolean` })},
      lost_calls = ${lostCallsAt(holder.startedAt)}
    FROM started WHERE runs.id = started.run_id
    RETURNING started.token`.execute(transaction);
  return rows[0] && Number(rows[0].token);
}

/**
 * Removes the permit, or the request, of a run that makes no call with it; with `token`, only the permit with that one.
 * Returns its scope; undefined if it had none.
 */
export async function removePermit(db: Database, runId: string, token?: number): Promise<string | undefined> {
  const removed = await db
    .deleteFrom('permits')
    .where('run_id', '=', runId)
    .where('released_at', 'is', null)
    .$if(token !== undefined, (query) => query.where('token', '=', String(token)))
    .returning('scope')
    .executeTakeFirst();
  return removed?.scope;
}

/** The position of a run in the queue of its scope. */
export interface QueuePosition {
  /** How many requests wait before it. */
  ahead: number;
  /** How many permits are held. */
  underWay: number;
  /** Milliseconds until a rate limit may let it begin; undefined if it does not wait for the rate. */
  rateWaitMs: number | undefined;
}

/** Finds the position of a waiting run, and when the rate limit of its job may let it begin. */
export async function findQueuePosition(
  transaction: Database,
  runId: string,
  { scope, rateMax, ratePerMs }: Limits,
): Promise<QueuePosition> {
  const { rows } = await sql<{ ahead: string; under_way: string; recent: string }>`
    -- How much of the limits is used.
    WITH used AS (${USED(scope)})
    SELECT under_way, recent,
           (SELECT count(*) FROM permits AS own JOIN permits AS other ON (other.asked_at, other.id) < (own.asked_at, own.id)
            WHERE own.run_id = ${runId} AND own.released_at IS NULL AND other.scope = own.scope
              AND other.granted_at IS NULL AND other.released_at IS NULL) AS ahead
    FROM used`.execute(transaction);
  const [ahead, underWay, recent] = (['ahead', 'under_way', 'recent'] as const).map((name) =>
    Number(rows[0]?.[name] ?? 0),
  ) as [number, number, number];
  // This many permits, and one more, have to stop counting first.
  const excess = recent + ahead - (rateMax ?? Infinity);
  if (rateMax === undefined || ratePerMs === undefined || excess < 0)
    return { ahead, underWay, rateWaitMs: undefined };
  // In each span of `ratePerMs`, `rateMax` permits stop counting at most.
  const spans = Math.floor(excess / rateMax);
  const { rows: next } = await sql<{ waitMs: number | null }>`
    SELECT (extract(epoch FROM nullif(counts_until, 'infinity') - statement_timestamp()) * 1000)::float8 AS "waitMs"
    FROM (SELECT ${COUNTS_UNTIL} AS counts_until FROM permits WHERE ${HELD(scope)}
          UNION ALL SELECT counts_until FROM permits WHERE ${RECENT(scope)}) AS counted
    WHERE counts_until > statement_timestamp()
    ORDER BY counts_until OFFSET ${excess % rateMax} LIMIT 1`.execute(transaction);
  const rateWaitMs = Math.ceil(Math.max(0, next[0]?.waitMs ?? ratePerMs) + spans * ratePerMs);
  return { ahead, underWay, rateWaitMs };
}

/**
 * A lower bound of the milliseconds until a rate limit grants a permit, even if all other runs leave the
 * queue; 0 if it may grant one now. A permit that is held counts as if its call had arrived already.
 */
export async function findEarliestGrant(
  transaction: Database,
  { scope, rateMax, ratePerMs }: Limits,
): Promise<number> {
  if (rateMax === undefined || ratePerMs === undefined) return 0;
  const { rows } = await sql<{ waitMs: number }>`
    SELECT (extract(epoch FROM counts_until - statement_timestamp()) * 1000)::float8 AS "waitMs"
    FROM (SELECT least(statement_timestamp(), started_at + ${ARRIVAL}) + rate_per_ms * interval '1 ms' AS counts_until
          FROM permits WHERE ${HELD(scope)} AND started_at IS NOT NULL
          UNION ALL SELECT counts_until FROM permits WHERE ${RECENT(scope)}) AS counted
    WHERE counts_until > statement_timestamp()
    ORDER BY counts_until DESC OFFSET ${rateMax - 1} LIMIT 1`.execute(transaction);
  return Math.max(0, rows[0]?.waitMs ?? 0);
}

// For the reconciler, so that no permit is lost with the process that held it.

/** Releases the permits of runs that have ended. Returns how many it released. */
export async function releaseEnded(db: Database): Promise<number> {
  const { numAffectedRows } = await sql`
    UPDATE permits SET ${RELEASED}
    FROM runs WHERE runs.id = permits.run_id AND runs.ended_at IS NOT NULL AND permits.released_at IS NULL`.execute(
    db,
  );
  return Number(numAffectedRows ?? 0);
}

/** Scopes whose first waiting request may fit. */
export async function listScopesWithRoom(db: Database, limit: number): Promise<string[]> {
  const { rows } = await sql<{ scope: string }>`
    SELECT first.scope FROM (
      SELECT DISTINCT ON (scope) scope, max_concurrent, rate_max, 0 AS ahead
      FROM permits WHERE granted_at IS NULL AND released_at IS NULL ORDER BY scope, asked_at, id
    ) AS first CROSS JOIN LATERAL (${USED(sql.ref('first.scope'))}) AS used
    WHERE ${FITS} LIMIT ${limit}`.execute(db);
  return rows.map(({ scope }) => scope);
}

/** Runs that were granted a permit some time ago and have not started it. Each is returned once in 30 s. */
export async function takeReminders(db: Database, limit: number): Promise<GrantedRun[]> {
  const { rows } = await sql<GrantedRun>`
    UPDATE permits SET remind_at = clock_timestamp() + interval '30 s'
    FROM runs
    WHERE runs.id = permits.run_id AND permits.id IN (
      SELECT id FROM permits WHERE remind_at <= statement_timestamp() AND started_at IS NULL AND released_at IS NULL LIMIT ${limit})
    RETURNING runs.id, runs.workflow_id, runs.temporal_run_id`.execute(db);
  return rows;
}

/**
 * Has runs that hold permits for which others wait checked within ten seconds: their workflows may have ended
 * without a record.
 */
export async function checkHoldersSoon(db: Database, limit: number): Promise<void> {
  await sql`
    UPDATE runs SET check_at = statement_timestamp() + interval '10 s'
    WHERE ended_at IS NULL AND check_at > statement_timestamp() + interval '10 s' AND id IN (
      SELECT held.run_id FROM permits AS held
      WHERE held.granted_at IS NOT NULL AND held.released_at IS NULL AND EXISTS (
        SELECT FROM permits AS waiting
        WHERE waiting.scope = held.scope AND waiting.granted_at IS NULL AND waiting.released_at IS NULL)
      LIMIT ${limit})`.execute(db);
}

/**
 * Removes permits that no longer count. Returns how many it removed. Those of the last minute stay: the tokens of a scope
 * go on growing, though the clock of Postgres is set back by that much.
 */
export async function removeOldPermits(db: Database, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    DELETE FROM permits WHERE id IN (
      SELECT id FROM permits WHERE released_at IS NOT NULL AND counts_until < statement_timestamp() - interval '1 minute'
      ORDER BY counts_until LIMIT ${limit})`.execute(db);
  return Number(numAffectedRows ?? 0);
}
