import { sql } from 'kysely';
import type { Limits } from '../../domain/job/limits.ts';
import type { Database } from '../database.ts';
import type { RunRow } from '../schema.ts';

// The turns of attempts whose job has limits. A row is made when a run asks for its turn; it waits in line until it is
// granted, is under way until it is released, and counts for a rate limit for a while after that. Whoever grants holds
// the lock of the scope: so nobody grants the same room twice, whichever process it is.

/**
 * A call is at its target no later than so after its turn began: a connection has ten seconds to be made, and a process
 * may be slow to begin. `rateLimit` is about when calls arrive.
 */
const ARRIVAL = sql`interval '15 s'`;

/** How long a run may take to begin once it was granted its turn, before it is told again. */
const REMIND_AFTER = sql`interval '5 s'`;

/** The columns of a permit that is given back now. */
export const RELEASED = sql`
  released_at  = clock_timestamp(),
  counts_until = CASE WHEN permits.started_at IS NULL OR permits.rate_per_ms IS NULL THEN clock_timestamp()
                      ELSE least(clock_timestamp(), permits.started_at + ${ARRIVAL})
                           + permits.rate_per_ms * interval '1 ms' END`;

/** A run to be told that its turn has come. */
export type GrantedRun = Pick<RunRow, 'id' | 'workflow_id' | 'temporal_run_id'>;

/** Keeps everyone else from granting turns of a scope until the transaction ends. */
export async function lockScope(transaction: Database, scope: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${scope}, 0))`.execute(transaction);
}

/**
 * Puts a run in line, or leaves it where it is. If it has begun its turn before, what it then did may be under way no
 * more, but has arrived: it gives that turn back, and asks for another from the same place in line.
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
      -- What was granted under another key is not room under this one.
      granted_at = CASE WHEN permits.scope = excluded.scope THEN permits.granted_at END,
      remind_at  = CASE WHEN permits.scope = excluded.scope THEN permits.remind_at END`.execute(transaction);
}

/** Until when a turn counts for a rate limit: one that is under way, as soon as its call has surely arrived, too. */
const COUNTS_UNTIL = sql`
  CASE WHEN released_at IS NOT NULL THEN counts_until
       WHEN started_at IS NULL THEN 'infinity'
       ELSE started_at + ${ARRIVAL} + coalesce(rate_per_ms, 0) * interval '1 ms' END`;

const HELD = (scope: unknown) => sql`scope = ${scope} AND granted_at IS NOT NULL AND released_at IS NULL`;
const RECENT = (scope: unknown) =>
  sql`scope = ${scope} AND granted_at IS NOT NULL AND released_at IS NOT NULL AND counts_until > statement_timestamp()`;

/** Each part by its own index, however many turns of other scopes there are. */
const USED = (scope: unknown) => sql`
  SELECT (SELECT count(*) FROM permits WHERE ${HELD(scope)}) AS under_way,
         (SELECT count(*) FROM permits WHERE ${HELD(scope)} AND ${COUNTS_UNTIL} > statement_timestamp())
         + (SELECT count(*) FROM permits WHERE ${RECENT(scope)}) AS recent`;

const FITS = sql`
  (max_concurrent IS NULL OR under_way + ahead < max_concurrent) AND (rate_max IS NULL OR recent + ahead < rate_max)`;

/** Grants turns in the order of the line, as far as the limits leave room. Returns the runs that may begin. */
export async function grantPermits(transaction: Database, scope: string): Promise<GrantedRun[]> {
  const { rows } = await sql<GrantedRun>`
    WITH used AS (${USED(scope)}),
    line AS (
      SELECT id, max_concurrent, rate_max, row_number() OVER (ORDER BY asked_at, id) - 1 AS ahead
      FROM permits WHERE scope = ${scope} AND granted_at IS NULL AND released_at IS NULL
      ORDER BY asked_at, id LIMIT 1000
    ), judged AS (
      SELECT id, bool_and(${FITS}) OVER (ORDER BY ahead) AS fits FROM line, used
    )
    UPDATE permits SET granted_at = clock_timestamp(), remind_at = clock_timestamp() + ${REMIND_AFTER}
    FROM judged, runs
    WHERE permits.id = judged.id AND fits AND runs.id = permits.run_id
    RETURNING runs.id, runs.workflow_id, runs.temporal_run_id`.execute(transaction);
  return rows;
}

/** Notes that a run begins the turn that it was granted. False if it was granted none. */
export async function startPermit(transaction: Database, runId: string): Promise<boolean> {
  const { numAffectedRows } = await sql`
    UPDATE permits SET started_at = clock_timestamp(), remind_at = NULL
    WHERE run_id = ${runId} AND granted_at IS NOT NULL AND released_at IS NULL`.execute(transaction);
  return numAffectedRows === 1n;
}

/** Takes a turn away from a run that will make no call with it. Returns its scope, if it had one or waited for one. */
export async function removePermit(db: Database, runId: string): Promise<string | undefined> {
  const removed = await db
    .deleteFrom('permits')
    .where('run_id', '=', runId)
    .where('released_at', 'is', null)
    .returning('scope')
    .executeTakeFirst();
  return removed?.scope;
}

/** How a run stands in line. */
export interface QueuePosition {
  /** How many wait before it. */
  ahead: number;
  underWay: number;
  /** Milliseconds until a rate limit may let it begin; undefined if it is not the rate that it waits for. */
  rateWaitMs: number | undefined;
}

/** Where a waiting run stands, and when the rate limit of its job may let it begin. */
export async function findQueuePosition(
  transaction: Database,
  runId: string,
  { scope, rateMax, ratePerMs }: Limits,
): Promise<QueuePosition> {
  const { rows } = await sql<{ ahead: string; under_way: string; recent: string }>`
    WITH used AS (${USED(scope)})
    SELECT under_way, recent,
           (SELECT count(*) FROM permits AS own JOIN permits AS other ON (other.asked_at, other.id) < (own.asked_at, own.id)
            WHERE own.run_id = ${runId} AND own.released_at IS NULL AND other.scope = own.scope
              AND other.granted_at IS NULL AND other.released_at IS NULL) AS ahead
    FROM used`.execute(transaction);
  const [ahead, underWay, recent] = (['ahead', 'under_way', 'recent'] as const).map((name) =>
    Number(rows[0]?.[name] ?? 0),
  ) as [number, number, number];
  // As many as these have to stop counting first.
  const excess = recent + ahead - (rateMax ?? Infinity);
  if (rateMax === undefined || ratePerMs === undefined || excess < 0)
    return { ahead, underWay, rateWaitMs: undefined };
  // So many stop counting in each span of time at most.
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
 * Milliseconds before which a rate limit surely grants no turn, whoever else in line goes away: 0 if it may grant one now.
 * A turn that is under way counts as if its call had arrived already.
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

// What the reconciler does, so that no turn is lost with the process that held it.

/** Takes back the turns of runs that have ended. Returns how many that were. */
export async function releaseEnded(db: Database): Promise<number> {
  const { numAffectedRows } = await sql`
    UPDATE permits SET ${RELEASED}
    FROM runs WHERE runs.id = permits.run_id AND runs.ended_at IS NOT NULL AND permits.released_at IS NULL`.execute(
    db,
  );
  return Number(numAffectedRows ?? 0);
}

/** The scopes in which somebody waits for whom there may be room. */
export async function listScopesWithRoom(db: Database, limit: number): Promise<string[]> {
  const { rows } = await sql<{ scope: string }>`
    SELECT first.scope FROM (
      SELECT DISTINCT ON (scope) scope, max_concurrent, rate_max, 0 AS ahead
      FROM permits WHERE granted_at IS NULL AND released_at IS NULL ORDER BY scope, asked_at, id
    ) AS first CROSS JOIN LATERAL (${USED(sql.ref('first.scope'))}) AS used
    WHERE ${FITS} LIMIT ${limit}`.execute(db);
  return rows.map(({ scope }) => scope);
}

/** Runs that were granted their turn a while ago and have not begun it: each is named again after 30 s. */
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
 * Has runs looked after soon that hold turns for which others wait: their workflows may have ended, and nobody here knows
 * of it yet.
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

/** Removes turns that count no more. Returns how many that were. */
export async function removeOldPermits(db: Database, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    DELETE FROM permits WHERE id IN (
      SELECT id FROM permits WHERE released_at IS NOT NULL AND counts_until < statement_timestamp()
      ORDER BY counts_until LIMIT ${limit})`.execute(db);
  return Number(numAffectedRows ?? 0);
}
