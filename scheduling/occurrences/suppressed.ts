import type { Database } from '../../db/database.ts';
import { listActiveInZone, listTimeZones } from '../../db/upkeep/job-upkeep.ts';
import { insertAbsentRuns } from '../../db/runs/runs.ts';
import type { JobRow, NewRun } from '../../db/schema.ts';
import { isConnectionLost } from '../../db/unavailable.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { DAY_MS } from '../../domain/milliseconds.ts';
import { reasonFor } from '../../domain/run/reasons.ts';
import { suppressedOccurrences } from '../../domain/schedule/occurrences.ts';
import { clockChanges } from '../../domain/schedule/time-zone.ts';
import { resolveZone } from '../../domain/schedule/canonical-zone.ts';
import { forEachIsolated } from '../../platform/for-each-isolated.ts';
import type { Logger } from '../../platform/logger.ts';
import { skippedRun } from './queued-run.ts';

/** Clock changes this far back are examined, in case no worker ran for some time. */
const LOOK_BACK_MS = 2 * DAY_MS;
const BATCH = 200;

/**
 * Records, as skipped runs, the local times that came a second time when clocks went back, and at which a job
 * did not fire. Has work only on the days after a clock change. Idempotent. Returns how many it recorded. A
 * job that fails is logged, and keeps none of the others from it.
 */
export async function recordSuppressed(
  { db, logger }: { db: Database; logger: Logger },
  now: Date,
): Promise<number> {
  const until = now.getTime();
  let recorded = 0;
  // A zone, or a schedule, that this version does not know must not fail the others.
  const isolated = { concurrency: 1, isFatal: isConnectionLost };
  const zones = await listTimeZones(db);
  const onZoneFailure = (timeZone: string, error: unknown) =>
    logger.error({ err: error, timeZone }, 'could not find the clock changes of a time zone');
  await forEachIsolated(zones, { ...isolated, onFailure: onZoneFailure }, async (timeZone) => {
    if (!hasGoneBack(resolveZone(timeZone), until - LOOK_BACK_MS - DAY_MS, until)) return;
    let lastId: string | undefined;
    do {
      const jobs = await listActiveInZone(db, timeZone, lastId, BATCH);
      const onFailure = ({ id: jobId }: JobRow, error: unknown) =>
        logger.error({ err: error, jobId }, 'could not record the repeated local times of a job');
      await forEachIsolated(jobs, { ...isolated, onFailure }, async (job) => {
        recorded += await insertAbsentRuns(db, suppressedRuns(job, until));
      });
      lastId = jobs.length === BATCH ? jobs[jobs.length - 1]?.id : undefined;
    } while (lastId !== undefined);
  });
  return recorded;
}

/**
 * The rows of the local times up to an instant that came a second time, and at which a job did not fire by its present
 * schedule, since it has that one. Pure.
 */
export function suppressedRuns(job: JobRow, until: number): NewRun[] {
  const after = Math.max(until - LOOK_BACK_MS, job.schedule_since.getTime());
  const compiled = compileSchedule(job.schedule);
  // A clock change before `after` may repeat local times after it.
  if (!hasGoneBack(compiled.timeZone, after - DAY_MS, until)) return [];
  return suppressedOccurrences(compiled, after, until).map((instant) =>
    skippedRun(job, instant, reasonFor('repeatedLocalTime')),
  );
}

/** Tells whether the clocks of a zone went back in (after, until]. */
const hasGoneBack = (timeZone: string, after: number, until: number) =>
  clockChanges(timeZone, after, until).some(({ direction }) => direction === 'back');
