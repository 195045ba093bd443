import { setImmediate } from 'node:timers/promises';
import type { Database } from '../../db/database.ts';
import { findJobs, type JobFilter } from '../../db/jobs/job-lists.ts';
import { listNoted, listPassed } from '../../db/jobs/jobs-by-next-run.ts';
import { countScheduledRuns } from '../../db/runs/runs.ts';
import type { JobRow } from '../../db/schema.ts';
import { compileSchedule, type CompiledSchedule } from '../../domain/schedule/compile-schedule.ts';
import { countOccurrences } from '../../domain/schedule/count-occurrences.ts';
import { iterateOccurrences } from '../../domain/schedule/occurrences.ts';
import { SchedulerError } from '../../domain/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import { mergeOccurrences, nearestSources, sourceOf, type OccurrenceSource } from './merge-occurrences.ts';

/** Jobs that are read at once to compute their next occurrences. */
const BATCH = 250;
/** Jobs whose next occurrences are computed before other tasks run: a schedule may take milliseconds. */
const JOBS_PER_TICK = 10;
/** Jobs that are computed for one page, at about 0.2 ms each. */
const MAX_COMPUTED = 10_000;

/** The occurrences of a list: of the jobs of the filter, after `from` and before `to` (milliseconds since the epoch). */
export interface UpcomingWindow {
  filter: JobFilter;
  from: number;
  to: number;
}

/** An occurrence's position in that list. */
export interface UpcomingPlace {
  at: number;
  id: string;
}

/** An occurrence of the list, with its job. */
export interface UpcomingOccurrence {
  job: JobRow;
  at: number;
}

/**
 * One page of the occurrences of all active jobs, by instant and then by the job's id, beginning after a position,
 * and not before `now`. A job whose stored next run lies after that position has it for its first occurrence, so
 * an index finds as many of these jobs as the page has entries. The others are computed from their schedules: those
 * that have fired within the last half minute, and, for a later position, those that fire before it.
 * @throws SchedulerError `too_many` if more than `MAX_COMPUTED` jobs had to be computed
 */
export function listUpcomingRows(
  { db, logger }: { db: Database; logger: Logger },
  { filter, from, to }: UpcomingWindow,
  now: number,
  page: { after: UpcomingPlace | undefined; limit: number },
): Promise<UpcomingOccurrence[]> {
  const { limit } = page;
  const start = Math.max(from, now);
  // What has become due since the page before is not upcoming any more.
  const after = page.after && page.after.at > start ? page.after : undefined;
  // Instants are whole seconds, so the jobs that come after the position at its very instant begin just before it.
  const startOf = (id: string) => (after ? (id > after.id ? after.at - 1 : after.at) : start);
  const reachedAt = new Date(after?.at ?? start);
  // One snapshot of all jobs, for the stored next runs change meanwhile.
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (snapshot) => {
      const places = await listNoted(snapshot, filter, reachedAt, { after: undefined, limit });
      const noted = await findJobs(
        snapshot,
        places.filter(({ nextRunAt }) => nextRunAt !== null && nextRunAt.getTime() < to),
      );
      const search = { db: snapshot, logger, from: start, to, startOf };
      let sources = await findSources(search, [...noted.values()]);
      let computed = 0;
      for (let last: { nextRunAt: Date | null; id: string } | undefined; ;) {
        const passed = await listPassed(snapshot, filter, reachedAt, { after: last, limit: BATCH });
        computed += passed.length;
        if (computed > MAX_COMPUTED) throw tooMany();
        sources = nearestSources([...sources, ...(await findSources(search, passed))], limit);
        const end = passed.at(-1);
        if (end === undefined || passed.length < BATCH) break;
        last = { nextRunAt: end.next_run_at, id: end.id };
      }
      const merged = await mergeOccurrences(sources, { before: to, limit });
      const ids = [...new Set(merged.map(({ id }) => id))].filter((id) => !noted.has(id));
      const others = await findJobs(
        snapshot,
        ids.map((id) => ({ id })),
      );
      return merged.map(({ id, at }) => ({ job: (noted.get(id) ?? others.get(id)) as JobRow, at }));
    });
}

function tooMany(): SchedulerError {
  const message = `More than ${MAX_COMPUTED} jobs would have to be computed for this page; narrow it by label or q, or begin at an earlier "from".`;
  return new SchedulerError('too_many', message, {
    errors: [{ path: 'from', code: 'too_many', message: 'fewer jobs fire before an earlier instant' }],
  });
}

type ComputedJob = Pick<JobRow, 'id' | 'schedule' | 'state'>;

interface Search {
  db: Database;
  logger: Logger;
  from: number;
  to: number;
  startOf: (id: string) => number;
}

async function findSources(
  { db, logger, from, to, startOf }: Search,
  jobs: readonly ComputedJob[],
): Promise<OccurrenceSource[]> {
  const active = jobs.filter(({ state }) => state === 'active');
  const counted = active.filter(({ schedule }) => schedule.maxRuns !== undefined).map(({ id }) => id);
  const counts = await countScheduledRuns(db, counted);
  const sources: OccurrenceSource[] = [];
  for (const [index, { id, schedule }] of active.entries()) {
    if (index % JOBS_PER_TICK === JOBS_PER_TICK - 1) await setImmediate();
    try {
      const compiled = compileSchedule(schedule);
      const start = startOf(id);
      const left = (schedule.maxRuns ?? Infinity) - (counts.get(id) ?? 0);
      const rest = left === Infinity ? left : await leftAt(compiled, left, from, start);
      const source = sourceOf(id, firstOf(iterateOccurrences(compiled, start), rest), to);
      if (source) sources.push(source);
    } catch (error) {
      // For example, a time zone that this version does not know. It must not fail the other jobs.
      logger.error({ err: error, jobId: id }, 'could not compute the occurrences of a job');
    }
  }
  return sources;
}

/** How many of the occurrences that `maxRuns` leaves are left after those in (from, to]. */
async function leftAt(compiled: CompiledSchedule, left: number, from: number, to: number): Promise<number> {
  let rest = left;
  for (const { count } of countOccurrences(compiled, from, to)) {
    rest -= count;
    if (rest <= 0) break;
    await setImmediate();
  }
  return rest;
}

/** At most `limit` of the values. */
function* firstOf(values: Generator<number>, limit: number): Generator<number> {
  if (limit <= 0) return;
  let taken = 0;
  for (const value of values) {
    yield value;
    if (++taken >= limit) return;
  }
}
