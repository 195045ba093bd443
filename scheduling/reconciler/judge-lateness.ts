import { v5 as uuidv5 } from 'uuid';
import type { Database } from '../../db/database.ts';
import { lockJob } from '../../db/jobs/jobs.ts';
import {
  findLastSuccess,
  listJobsToJudge,
  listOccurrencesToJudge,
  stopJudging,
  storeJudgment,
} from '../../db/upkeep/lateness.ts';
import type { JobRow, NewRun } from '../../db/schema.ts';
import { parseDuration } from '../../domain/duration.ts';
import type { LateHook } from '../../domain/job/hook.ts';
import {
  judgeLateness,
  nextJudgmentAt,
  type LateConditions,
  type LatenessFacts,
} from '../../domain/job/lateness.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import { LATE_CONDITIONS, type Lateness } from '../../domain/run/hook-trigger.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { occurrences } from '../../domain/schedule/occurrences.ts';
import type { Logger } from '../../platform/logger.ts';
import { jitterOf } from '../occurrences/due-occurrences.ts';
import { lateHookRun } from '../occurrences/queued-run.ts';
import { forEachJob } from './each-job.ts';
import type { Round } from './run-steps.ts';

/** Newest occurrences that are read besides those of a row of skipped ones. */
const NEWEST = 20;
/** A job whose occurrences are about to be materialized is judged again after this time. */
const UNTIL_MATERIALIZED_MS = 5 * SECOND_MS;

/**
 * Judges the jobs that are to be judged, one batch of them: opens and closes their episodes of lateness, and queues the calls of
 * their hooks in the same transactions. Needs nothing but Postgres. Returns how many jobs it began.
 */
export async function judgeDueJobs(
  dependencies: { db: Database; logger: Logger },
  { now, isOver }: Round,
  limit: number,
): Promise<number> {
  const { db } = dependencies;
  const ids = await listJobsToJudge(db, now, limit);
  return forEachJob(dependencies, 'late', ids, isOver, async (id) => {
    const isThere = await db.transaction().execute(async (transaction) => {
      const job = await lockJob(transaction, { id });
      if (job) await judgeJob(transaction, job, now);
      return job !== undefined;
    });
    if (!isThere) await stopJudging(db, id);
  });
}

async function judgeJob(transaction: Database, job: JobRow, now: Date): Promise<void> {
  const { on_late: onLate, late_watched_since: watchedSince, late_judged_to: judgedTo } = job;
  // A job that is not active is neither late nor on time again, and nobody is told.
  if (job.state !== 'active' || !onLate || !watchedSince || !judgedTo)
    return storeJudgment(transaction, job.id, { late: null, judgedTo: now, checkAt: null }, undefined);
  const compiled = compileSchedule(job.schedule);
  const conditions = conditionsOf(onLate);
  // Of an episode whose condition was removed since, nobody is told either.
  const before = job.late && conditions[job.late.condition] !== undefined ? job.late : null;
  const facts = {
    conditions,
    jitterMs: jitterOf(job),
    now: now.getTime(),
    watchedSince: watchedSince.getTime(),
    lastSuccessAt:
      conditions.noSuccessFor === undefined
        ? null
        : ((await findLastSuccess(transaction, job.id))?.getTime() ?? null),
  };
  // While occurrences are still to be materialized, nothing is known of them.
  const isBehind = job.account_at !== null && job.account_at <= now;
  const until = isBehind ? judgedTo : now;
  const late = judgeLateness({
    ...facts,
    now: until.getTime(),
    judgedTo: judgedTo.getTime(),
    occurrences: await readOccurrences(transaction, job, { ...facts, judgedTo, until }),
    late: before,
  });
  const nextAfter = (instant: number) => occurrences(compiled, instant, 1)[0];
  const next = nextJudgmentAt({ ...facts, late }, nextAfter);
  const checkAt = isBehind ? now.getTime() + UNTIL_MATERIALIZED_MS : next;
  await storeJudgment(
    transaction,
    job.id,
    { late, judgedTo: until, checkAt: checkAt === null ? null : new Date(checkAt) },
    callOf(job, before, late, now),
  );
}

/** The call of the hook that an episode's beginning or end causes. Its id follows from the episode, so that there is one. */
function callOf(job: JobRow, before: Lateness | null, late: Lateness | null, now: Date): NewRun | undefined {
  const idOf = (trigger: string, { since, condition }: Lateness) =>
    uuidv5(`${trigger} ${condition} ${since}`, job.id);
  if (late && !before)
    return lateHookRun(job, { id: idOf('onLate', late), trigger: 'onLate', now, cause: late });
  if (before && !late && job.on_time)
    return lateHookRun(job, { id: idOf('onTime', before), trigger: 'onTime', now, cause: before });
  return undefined;
}

/** The conditions of a hook, in milliseconds. Pure. */
function conditionsOf(hook: LateHook): LateConditions {
  return Object.fromEntries(
    LATE_CONDITIONS.flatMap((name) => {
      const value = hook[name];
      if (value === undefined) return [];
      return [[name, typeof value === 'number' ? value : parseDuration(value)]];
    }),
  );
}

async function readOccurrences(
  db: Database,
  job: JobRow,
  facts: Pick<LatenessFacts, 'conditions' | 'jitterMs' | 'watchedSince'> & { judgedTo: Date; until: Date },
): Promise<LatenessFacts['occurrences']> {
  const { conditions, jitterMs, watchedSince, judgedTo, until } = facts;
  const before = (instant: Date, ms: number) => new Date(instant.getTime() - jitterMs - ms);
  const rows = await listOccurrencesToJudge(db, job.id, {
    since: new Date(watchedSince),
    newest: NEWEST + (conditions.skippedInARow ?? 0),
    ranges: [conditions.startWithin, conditions.finishWithin].flatMap((ms) =>
      ms === undefined ? [] : [{ after: before(judgedTo, ms), to: before(until, ms) }],
    ),
  });
  return rows.map((row) => ({
    scheduledAt: row.scheduled_at.getTime(),
    startedAt: row.started_at?.getTime() ?? null,
    endedAt: row.ended_at?.getTime() ?? null,
    state: row.state,
    reasonCode: row.reason_code,
  }));
}
