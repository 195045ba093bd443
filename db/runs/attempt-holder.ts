import { sql, type RawBuilder } from 'kysely';
import type { AttemptHolder } from '../../domain/run/attempt-holder.ts';
import type { RecordedAttempt } from '../../domain/run/run.ts';
import type { Database } from '../database.ts';
import { IS_CALL_IN_FLIGHT } from '../rules.ts';

// The holder of an attempt. Whoever begins an attempt becomes its holder, with a fencing token that is larger than every
// one before, and from then on the former holder of the same attempt neither records it nor releases its permit.

/** Lost calls that are kept of a run, the latest ones. */
const LOST_CALLS = 50;

/** What a new holder says of itself. */
export type NewHolder = Pick<AttemptHolder, 'temporalRunId'> & { startedAt: Date };

/**
 * A new fencing token: microseconds since 1970, so that it goes on growing after a restore or a failover, unless an
 * earlier token is larger. Stays below 2^53.
 */
export const newToken = (...earlier: RawBuilder<unknown>[]) => sql`
  greatest(${sql.join([NOW_TOKEN, ...earlier.map((token) => sql`${token} + 1`)])})`;

const NOW_TOKEN = sql`floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`;

/** The token that a row of `runs` has so far. */
export const RUN_TOKEN = sql`(runs.holder->>'token')::bigint`;

/** A holder as JSON. */
export const holderOf = (
  { startedAt, temporalRunId }: NewHolder,
  part: Record<'token' | 'number' | 'isDelegated', RawBuilder<unknown>>,
) => sql`
  jsonb_build_object('token', ${part.token}, 'number', ${part.number}, 'startedAt', ${startedAt.toISOString()}::text,
                     'temporalRunId', ${temporalRunId}::text, 'isDelegated', ${part.isDelegated})`;

/** The number of the next attempt of a row of `runs`. */
export const NEXT_NUMBER = sql`jsonb_array_length(runs.attempts) + 1`;

/** The lost calls of a row of `runs`, and among them the call of its holder, at an instant. */
const withHeldCall = (at: Date) => sql`
  CASE WHEN jsonb_array_length(runs.lost_calls) < ${sql.lit(LOST_CALLS)} THEN runs.lost_calls ELSE runs.lost_calls - 0 END
  || jsonb_build_object('token', runs.holder->'token', 'number', runs.holder->'number',
                        'startedAt', runs.holder->'startedAt', 'endedAt', ${at.toISOString()}::text)`;

/**
 * The lost calls of a row of `runs` whose attempt another holder begins: with the call of the holder so far, if that is not
 * on record. A delegated attempt is none: it goes on, whatever becomes of the worker.
 */
export const lostCallsAt = (now: Date) => sql`
  CASE WHEN ${IS_CALL_IN_FLIGHT} AND NOT (runs.holder->'isDelegated')::boolean THEN ${withHeldCall(now)} ELSE runs.lost_calls END`;

/** The lost calls of a row of `runs` that ends: with the attempt of its holder, if that is not on record. */
export const lostCallsAtEnd = (endedAt: Date) => sql`
  CASE WHEN ${IS_CALL_IN_FLIGHT} THEN ${withHeldCall(endedAt)} ELSE runs.lost_calls END`;

/** Notes that a holder makes no call after all. Does nothing if there is another holder by now. */
export async function abandonAttempt(db: Database, runId: string, token: number | undefined): Promise<void> {
  if (token === undefined) return;
  await sql`
    UPDATE runs SET holder = holder || '{"number": 0}' WHERE id = ${runId} AND ${RUN_TOKEN} = ${token}`.execute(
    db,
  );
}

/** Adds to a lost call what its holder reports of it after all. Does nothing if the call is not among the lost ones. */
export async function noteLateReport(
  db: Database,
  runId: string,
  token: number,
  attempt: RecordedAttempt,
): Promise<void> {
  await sql`
    UPDATE runs SET lost_calls = (
      SELECT jsonb_agg(CASE WHEN call->'token' = to_jsonb(${token}::bigint)
                            THEN call || jsonb_build_object('report', ${JSON.stringify(attempt)}::jsonb) ELSE call END ORDER BY place)
      FROM jsonb_array_elements(lost_calls) WITH ORDINALITY AS calls (call, place))
    WHERE id = ${runId} AND lost_calls @> jsonb_build_array(jsonb_build_object('token', ${token}::bigint))`.execute(
    db,
  );
}
