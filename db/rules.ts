import { sql } from 'kysely';
import { STATES_WITHOUT_RUN } from '../domain/run/run-state.ts';

// Rules of the domain that queries decide by, each written once. A rule that TypeScript decides by as well
// names its twin; test/integration/rules-in-sql.test.ts compares the two. Columns are not qualified: use a
// rule where they belong to one table only. Constants are literals, so that partial indexes apply.

/** Of a row of `jobs`: its runs may have to wait for permits. `hasLimits` of domain/job/limits.ts. */
export const HAS_LIMITS = sql<boolean>`(policy->'maxConcurrent' IS NOT NULL OR policy->'rateLimit' IS NOT NULL)`;

/**
 * Of a row of `jobs`: its schedule or its policy as it was in force at an instant. Each revision holds what it replaced,
 * and a change at the very instant comes after it. Mostly nothing has changed since, and then no revision is read.
 */
export const inForceAt = (part: 'schedule' | 'policy', instant: Date) => {
  const [column, field] = [sql.ref(part), sql.lit(part)];
  return sql`
    CASE WHEN schedule_since < ${instant} THEN ${column} ELSE coalesce((
      SELECT changes->${field}->'before' FROM job_revisions
      WHERE job_id = jobs.id AND at >= ${instant} AND changes->${field} IS NOT NULL
      ORDER BY job_revisions.generation LIMIT 1
    ), ${column}) END`;
};

/** Of a row of `runs`: the occurrence has become a run, or may yet. The other states are `STATES_WITHOUT_RUN`. */
export const IS_RUN = sql<boolean>`state NOT IN (${sql.join(STATES_WITHOUT_RUN.map((state) => sql.lit(state)))})`;

/** Of a row of `runs`: it counts for the `maxRuns` of its job. */
export const COUNTS_FOR_MAX_RUNS = sql<boolean>`(trigger = 'schedule' AND ${IS_RUN})`;

/** Of a row of `jobs`: how many runs count for its `maxRuns`, those among them that retention has removed. */
export const SCHEDULED_RUNS = sql<string>`
  (runs_removed + (SELECT count(*) FROM runs WHERE job_id = jobs.id AND ${COUNTS_FOR_MAX_RUNS}))`;

/** Of a row of `jobs`: none of its runs is open. `isOpenState` of domain/run/run-state.ts says which are. */
export const HAS_NO_OPEN_RUN = sql<boolean>`
  NOT EXISTS (SELECT FROM runs WHERE runs.job_id = jobs.id AND runs.ended_at IS NULL)`;

/** Of a row of `runs`: as far as this database knows, Temporal has not started it. */
export const IS_UNSTARTED = sql<boolean>`(state = 'queued' AND temporal_run_id IS NULL)`;

/**
 * Of a row of `runs`, by its table: an attempt was begun that is not on record. `isCallInFlight` of
 * domain/run/attempt-holder.ts.
 */
export const IS_CALL_IN_FLIGHT = sql<boolean>`
  (runs.ended_at IS NULL AND runs.holder IS NOT NULL AND (runs.holder->>'number')::integer = jsonb_array_length(runs.attempts) + 1)`;

/**
 * Of a row of `runs`, by its table: a call that no workflow stands behind may be in flight. It takes 9 s at most
 * (activities/attempt/call-without-temporal.ts); the rest is for clocks that differ.
 */
export const HAS_CALL_WITHOUT_WORKFLOW = sql<boolean>`
  (${IS_CALL_IN_FLIGHT} AND runs.holder->>'temporalRunId' IS NULL
   AND (runs.holder->>'startedAt')::timestamptz > now() - interval '15 s')`;

/** Of a row of `runs`: an occurrence that Temporal has not started, as far as this database knows. */
export const IS_UNSTARTED_OCCURRENCE = sql<boolean>`(trigger = 'schedule' AND ended_at IS NULL AND ${IS_UNSTARTED})`;

/** Of a row of `jobs`: it is late, as `status.late` shows it (api/rest/present.ts). */
export const IS_LATE = sql<boolean>`(late IS NOT NULL AND state = 'active')`;
